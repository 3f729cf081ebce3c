"""Random configs for HAProxy: what the model must follow."""

CONDITIONS = [
    *(
        "{ hdr(Upgrade) -i websocket }",
        "{ hdr(Upgrade) -i WebSocket }",
        "{ hdr(Upgrade) WebSocket }",
        "{ path_beg /dip/ }",
    ),
    *("{ path /dip/websocket }", "{ path_end /channels }", "{ path_reg ^/jup.*/channels$ }", "{ path_sub websocket }"),
    *(
        "!{ path_beg /dip }",
        "{ hdr(Connection) -i upgrade }",
        "{ hdr_sub(Connection) -i upgrade }",
        "{ ssl_fc }",
        "is_ws",
    ),
    *("!is_ws", "is_dip", "is_dip is_ws", "is_dip or is_ws", "{ path_beg /x } || is_ws", "{ path -m beg /jupyter }"),
    *(
        "{ hdr(Upgrade) -m found }",
        "{ path,lower -m beg /DIP }",
        "{ path_dir jupyter }",
        "!{ ssl_fc }",
        "TRUE",
        "!is_dip !is_ws",
    ),
]
ACLS = [
    *("acl is_ws hdr(Upgrade) -i websocket", "acl is_ws hdr(Connection) -i upgrade", "acl is_ws path_end /channels"),
    *("acl is_dip path_beg /dip", "acl is_dip path -i /DIP/websocket", "acl is_dip path_beg /jupyter /dip/"),
]
RULES = [
    *(
        "http-request del-header Upgrade",
        "http-request del-header Connection",
        "http-request set-header Upgrade websocket",
    ),
    *(
        "http-request set-header Connection Upgrade",
        "http-request set-header Connection close",
        "http-request set-header X-A b",
    ),
    *("http-request add-header Upgrade websocket", "http-request add-header Connection upgrade", "http-request deny"),
    *("http-request set-header Upgrade h2c", "http-request redirect location /x", "http-response del-header Upgrade"),
    *("http-response set-header Connection close", "http-request set-header Upgrade %[req.hdr(Upgrade)]"),
    *("http-request del-header Sec-WebSocket-Key", "http-request replace-header Upgrade web(.*) foo"),
    *("http-request return status 404", "http-request set-header Sec-WebSocket-Version 13", "option httpclose"),
    *("tcp-request content reject", "tcp-request content accept", "http-request allow", "http-request set-method POST"),
    *("http-request set-method GET", "http-request silent-drop", "http-after-response set-header X-D e"),
    *("http-response del-header Upgrade if { status 101 }", "http-response del-header Upgrade if { status 500 }"),
    *("http-response allow", "http-after-response del-header Connection if { status ge 400 }"),
    *("http-request set-header X-Forwarded-Proto https", "http-response set-header X-B c", "option http-server-close"),
]


class Grammar:
    """Makes configs; `target` is the port of the server behind HAProxy."""

    def __init__(self, chance, target):
        self.chance, self.target = chance, target

    def condition(self, odds):
        if self.chance.random() > odds:
            return ""
        return f" {self.chance.choice(['if', 'if', 'if', 'unless'])} {self.chance.choice(CONDITIONS)}"

    def rules(self, most):
        lines = []
        for _ in range(self.chance.randint(0, most)):
            rule = self.chance.choice(RULES)
            bare = rule.startswith(("option", "http-response", "http-after-response"))
            lines.append(rule + ("" if bare else self.condition(0.75)))
        return lines

    def config(self, port, number):
        """Return a frontend with its backends, with names that no other one has."""
        acls = [
            "acl is_ws hdr(Upgrade) -i websocket",
            "acl is_dip path_beg /dip",
            *self.chance.sample(ACLS, self.chance.randint(0, 2)),
        ]
        names = [f"b{number}_{each}" for each in range(self.chance.randint(1, 3))]
        front = [f"frontend f{number}", f"bind 127.0.0.1:{port}", "tcp-request inspect-delay 1s", *acls, *self.rules(2)]
        front += [
            f"use_backend {self.chance.choice(names)}{self.condition(1)}" for _ in range(self.chance.randint(0, 2))
        ]
        if self.chance.random() < 0.85:
            front.append(f"default_backend {self.chance.choice(names)}")
        backs = [[f"backend {name}", *acls, *self.rules(2), f"server s 127.0.0.1:{self.target}"] for name in names]
        return "\n".join("\n    ".join(lines) for lines in [front, *backs])
