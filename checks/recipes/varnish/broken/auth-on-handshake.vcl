# DSS behind Varnish: /etc/varnish/default.vcl
vcl 4.1;

# Only the name below is for DSS; other sites add backends and
# rules of their own.
backend default none;

backend dss {
    .host = "DSS_HOST";
    .port = "DSS_PORT";

    # A query may take long; by itself Varnish gives up after 60 s.
    .first_byte_timeout = 1h;
}

sub vcl_recv {
    if (req.http.Host ~ "^dss.example.com(:|$)") {
        set req.backend_hint = dss;

        # Not for everybody.
        if (req.url ~ "^/dip/websocket"
            && req.http.Authorization != "Basic YWRtaW46c2VjcmV0") {
            return (synth(401));
        }

        # Varnish carries a socket only in a pipe.
        if (req.http.Upgrade ~ "(?i)^websocket$") {
            return (pipe);
        }

        # What DSS answers is never kept for the next reader.
        return (pass);
    }
}

sub vcl_synth {
    if (resp.status == 401) {
        set resp.http.WWW-Authenticate = "Basic realm=DSS";
    }
}

sub vcl_pipe {
    # A pipe asks for no upgrade unless told.
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = req.http.Connection;
}
