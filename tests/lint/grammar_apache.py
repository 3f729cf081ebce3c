"""Random virtual hosts for Apache httpd: what the model must follow."""

NAMES = ["/", "/", "/dip", "/dip/", "/dip/websocket", "/jupyter", "/jupyter/", "/static", "/jup", "/jupyter/api/"]
CONDITIONS = [
    *("%{HTTP:Upgrade} =websocket [NC]", "%{HTTP:Upgrade} websocket [NC]", "%{HTTP:Upgrade} ^WebSocket$ [NC]"),
    *(
        "%{HTTP:Upgrade} WebSocket",
        "%{HTTP:Connection} upgrade [NC]",
        "%{HTTP:Connection} Upgrade$",
        "%{REQUEST_URI} ^/dip",
    ),
    *("%{HTTP:Upgrade} !=websocket [NC]", "%{HTTPS} off", "%{REQUEST_METHOD} !GET", "%{HTTP:Upgrade} !websocket [NC]"),
    *(
        "%{REQUEST_URI} !^/jupyter [OR]",
        "%{HTTP:Upgrade} =websocket [NC,OR]",
        "%{REQUEST_URI} channels$",
        "%{HTTP:Upgrade} ^$",
    ),
]
PATTERNS = [
    ("^/(.*)", "/$1"),
    ("/(.*)", "/$1"),
    ("^/?(.*)$", "/$1"),
    ("^/dip/(.*)", "/dip/$1"),
    ("^/jupyter/(.*)$", "/jupyter/$1"),
]
PATTERNS += [
    (".*", "%{REQUEST_URI}"),
    ("^", "%{REQUEST_URI}"),
    ("^(.*)$", "/$1"),
    ("^(/dip/.*)", "$1"),
    ("^dip/(.*)", "/dip/$1"),
]


DENIED = ["Require all denied", "Order deny,allow\n  Deny from all", "Deny from all", "AllowMethods POST"]
GRANTED = ["Require all granted", "Order allow,deny\n  Allow from all", "Require method GET", "AllowMethods GET POST"]
ACCESS = [*GRANTED, *GRANTED, *DENIED, "Require all denied\n  Require all granted", "Order allow,deny"]
ACCESS += [
    f"<{limit}>\n  Require all denied\n  </{limit.split()[0]}>"
    for limit in ("Limit GET", "Limit POST PUT", "LimitExcept POST", "LimitExcept GET HEAD")
]
ACCESS += [
    "<RequireAll>\n  Require all granted\n  Require all denied\n  </RequireAll>",
    "<RequireAny>\n  Require all granted\n  Require all denied\n  </RequireAny>",
    "<RequireAll>\n  Require all granted\n  <RequireNone>\n  Require method POST\n  </RequireNone>\n  </RequireAll>",
]
"""Lines of a Location that let a browser in, or refuse it."""


class Grammar:
    """Makes virtual hosts; `targets` are the ports of two servers behind httpd."""

    def __init__(self, chance, targets):
        self.chance, self.targets = chance, targets

    def pick(self, items):
        return self.chance.choice(items)

    def target(self, path, *, good=0.5):
        server = f"127.0.0.1:{self.pick(self.targets)}"
        roll = self.chance.random()
        if roll < good / 2:
            return f"ws://{server}{path}"
        return f"http://{server}{path}" + (" upgrade=websocket" if roll < good else self.pick(["", "", " nocanon"]))

    def path_for(self, name):
        """Return the path for a name: mostly the same one."""
        return name if self.chance.random() < 0.9 else self.pick(["/", "/x/"])

    def passes(self):
        lines = []
        for _ in range(self.chance.randint(0, 3)):
            name = self.pick(NAMES)
            roll = self.chance.random()
            if roll < 0.08:
                lines.append(f"ProxyPass {name} !")
            elif roll < 0.2:
                pattern, target = self.pick([("^/dip(.*)$", "/dip$1"), ("^/(.*)$", "/$1"), ("^(/jupyter/.*)", "$1")])
                lines.append(f"ProxyPassMatch {pattern} {self.target(target)}")
            else:
                lines.append(f"ProxyPass {name} {self.target(self.path_for(name))}")
        if self.chance.random() < 0.8:
            lines.append(f"ProxyPass / {self.target('/')}")
        return lines

    def rules(self):
        lines = []
        for _ in range(self.pick([0, 0, 1, 1, 2])):
            lines += [f"RewriteCond {self.pick(CONDITIONS)}" for _ in range(self.chance.randint(0, 2))]
            pattern, path = self.pick(PATTERNS)
            server = f"127.0.0.1:{self.pick(self.targets)}"
            scheme = self.pick(["ws", "ws", "ws", "http"])
            flags = self.pick(["[P]", "[P,L]", "[P]", "[L]", "[P,NE]"])
            lines.append(f"RewriteRule {pattern} {scheme}://{server}{path} {flags}")
        if self.chance.random() < 0.1:
            lines += [f"RewriteRule ^/dip/(.*)$ /jupyter/$1 {self.pick(['[PT]', '[L,PT]'])}"]
        return lines

    def location(self):
        name = self.pick(NAMES)
        inside = [f"ProxyPass {self.target(self.path_for(name))}"] if self.chance.random() < 0.85 else []
        if self.chance.random() < 0.3:
            inside.append(self.pick(ACCESS))
        if self.chance.random() < 0.12:
            pattern, path = self.pick(PATTERNS)
            server = f"127.0.0.1:{self.pick(self.targets)}"
            inside += ["RewriteEngine On", f"RewriteRule {pattern} ws://{server}{path} {self.pick(['[P]', '[P,L]'])}"]
        if self.chance.random() < 0.15:
            inside.append(
                self.pick(["RequestHeader unset Upgrade", "RequestHeader set X-A b", "RequestHeader unset Connection"])
            )
        return f"<Location {name}>\n  " + "\n  ".join(inside) + "\n</Location>"

    def host(self, port):
        """Return a virtual host."""
        rules = self.rules()
        if self.chance.random() < 0.1:
            rules.append(f"<Proxy *>\n  {self.pick(ACCESS)}\n</Proxy>")
        parts = [*self.passes(), *[self.location() for _ in range(self.pick([0, 0, 1, 2]))]]
        if self.chance.random() < 0.1:
            parts.append(
                self.pick(
                    [
                        "RequestHeader unset Upgrade",
                        "RequestHeader set Connection close",
                        "SetEnv force-proxy-request-1.0 1",
                    ]
                )
            )
        self.chance.shuffle(parts)
        engine = ["RewriteEngine On"] if self.chance.random() < 0.9 else []
        place = self.chance.randint(0, len(parts))
        lines = [*parts[:place], *engine, *rules, *parts[place:]]
        return f"<VirtualHost 127.0.0.1:{port}>\n" + "\n".join(lines) + "\n</VirtualHost>\n"
