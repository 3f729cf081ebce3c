# Build httpd from the archives of its source package, which are in the current folder, into $PREFIX.
# $CC is the compiler, $ROOT the folder that stands for / where the libraries to build with are.
set -eu
PATH="$PATH:$ROOT/usr/bin"  # ar and ranlib
export CFLAGS="-O1 -pipe -w" CPPFLAGS="-DERR_GET_FUNC=ERR_GET_REASON"  # OpenSSL 3 no longer has ERR_GET_FUNC
for archive in apr-1*.tar.gz apr-util-*.tar.gz httpd-*.tar.gz; do tar -xzf "$archive"; done
cd httpd-*/
mv ../apr-1*/ srclib/apr
mv ../apr-util-*/ srclib/apr-util
# The modules that checks/recipes/apache/lab/apache2.conf loads.
modules="alias auth_basic authn_core authn_file authz_core authz_user deflate dir env filter headers mime negotiation
    proxy proxy_http proxy_wstunnel reqtimeout rewrite setenvif socache_shmcb ssl"
./configure --prefix="$PREFIX" --with-included-apr --with-pcre="$ROOT/usr/bin/pcre-config" \
    --with-expat="$ROOT/usr" --with-ssl="$ROOT/usr" --with-z="$ROOT/usr" \
    --enable-mpms-shared=event --enable-modules=none --enable-mods-shared="$modules" --enable-mods-static="unixd version"
make -j"$(nproc)"
make install
