# Run the command of the unit and its drop-in as systemd does: in [Service], an empty ExecStart= discards earlier
# commands, a backslash continues a line, and two commands are an error.
# The program, its working folder and /etc are the lab's.
cd "$(dirname "$0")" || exit 1
chmod +x bin/varnishadm
command=$(awk '
    function take() {
        if (line ~ /^\[/) section = line
        else if (section == "[Service]" && sub(/^ExecStart=/, "", line)) { if (line == "") said = 0; else command[++said] = line }
        line = ""
    }
    FNR == 1 { take(); section = "" }
    /^[#;]/ { next }
    { line = line $0; if (!sub(/\\$/, "", line)) take() }
    END { take(); if (said != 1) { print said + 0 " commands, expected 1" > "/dev/stderr"; exit 1 } print command[1] }
' varnish.service systemd/system/varnish.service.d/dss.conf) || exit 1
exec $(echo "$command" | sed 's,^/usr/sbin/varnishd,varnishd -n LAB_FOLDER/work,; s, /etc/, LAB_FOLDER/,')
