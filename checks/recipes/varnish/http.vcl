# DSS behind Varnish: /etc/varnish/default.vcl
vcl 4.1;

# Only the name below is for DSS. For other sites, add backends
# and rules of their own.
backend default none;

backend dss {
    .host = "DSS_HOST";
    .port = "DSS_PORT";

    # Allow long queries; by default Varnish stops after 60 s.
    .first_byte_timeout = 1h;
}

sub vcl_recv {
    if (req.http.Host ~ "^dss.example.com(:|$)") {
        set req.backend_hint = dss;

        # Varnish supports WebSocket only in pipe mode.
        if (req.http.Upgrade ~ "(?i)^websocket$") {
            return (pipe);
        }

        # Never cache a response of DSS for another user.
        return (pass);
    }
}

sub vcl_pipe {
    # By default, pipe mode does not forward upgrades.
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = req.http.Connection;
}
