"""Random configs for nginx: what the model must follow."""

PATHS = ["/dip/websocket", "/dip/websocket/", "/dip/", "/jupyter/", "/jupyter/api/kernels", "/dip", "/other/", "/jup"]
NAMES = ["/", *PATHS]
REGEXES = ["^/dip", "/websocket$", "^/jupyter/.*/channels$", "\\.(css|js)$", "^/(dip|jupyter)/", "kernels", "^/DIP"]
UPGRADES = ["$http_upgrade", "websocket", "WebSocket", '""', "$connection_upgrade", "h2c", "$u0", "${http_upgrade}"]
CONNECTIONS = ["upgrade", '"upgrade"', "$connection_upgrade", "close", '""', "$http_connection", "$u1", "keep-alive"]
MAPS = [
    ("$http_upgrade", ["default upgrade", "'' close"]),
    ("$http_upgrade", ["default close", "websocket upgrade"]),
    ("$http_upgrade", ["default close", "WebSocket upgrade"]),
    ("$http_upgrade", ["~*^web upgrade", "default ''"]),
    ("$http_upgrade", ["'' close"]),
    ("$http_connection", ["~*upgrade upgrade", "default close"]),
    ("$http_upgrade", ["default $http_connection", "'' ''"]),
    ("$http_origin", ["default upgrade"]),
    ("$request_uri", ["~^/dip upgrade", "default close"]),
    ("$uri", ["~*^/jupyter upgrade", "default close"]),
]
CONDITIONS = [
    "($http_upgrade)",
    "($http_upgrade ~* websocket)",
    "($http_upgrade = websocket)",
    '($http_upgrade != "websocket")',
    "($http_upgrade !~* web)",
    "($http_connection ~* upgrade)",
    "($request_method = GET)",
    "($uri ~ ^/dip)",
    "($http_via)",
]


class Grammar:
    """Makes configs; `target` is the port of the server behind nginx."""

    def __init__(self, chance, target):
        self.chance, self.target = chance, target

    def pick(self, items, odds=1.0):
        return self.chance.choice(items) if self.chance.random() < odds else ""

    def headers(self, odds):
        """Return header lines: mostly good ones, so that many configs work."""
        lines = []
        if self.chance.random() < odds:
            if self.chance.random() < 0.7:
                good = [
                    "proxy_set_header Upgrade $http_upgrade;",
                    f"proxy_set_header Connection {self.pick(CONNECTIONS[:3])};",
                ]
                lines += good
            else:
                lines.append(f"proxy_set_header Upgrade {self.pick(UPGRADES)};")
                lines.append(f"proxy_set_header Connection {self.pick(CONNECTIONS)};")
        if self.chance.random() < 0.12:
            lines.append(
                f"proxy_set_header {self.pick(['Connection', 'connection', 'UPGRADE'])} {self.pick(CONNECTIONS)};"
            )
        if self.chance.random() < 0.15:
            lines.append(
                self.pick(
                    [
                        "proxy_set_header X-Request-Id 1;",
                        "proxy_set_header Host $http_host;",
                        "proxy_hide_header Server;",
                    ]
                )
            )
        if self.chance.random() < 0.04:
            lines.append(
                self.pick(
                    [
                        "proxy_hide_header Upgrade;",
                        "proxy_pass_request_headers off;",
                        "proxy_set_header Sec-WebSocket-Key x;",
                        "proxy_set_header Host '';",
                    ]
                )
            )
        self.chance.shuffle(lines)
        return lines

    def version(self, odds):
        return (
            ["proxy_http_version 1.1;"]
            if self.chance.random() < odds
            else [self.pick(["proxy_http_version 1.0;"], 0.04)]
        )

    def refusing(self):
        """Return lines that may keep a WebSocket from the server."""
        lines = ["deny all;", "allow all; deny all;", "internal;", "proxy_method POST;", "proxy_method GET;"]
        lines += [f"limit_except {methods} {{ deny all; }}" for methods in ("GET", "POST", "GET POST", "PUT DELETE")]
        lines += ["limit_except POST { allow all; }", "satisfy all; allow all;"]
        lines += [
            f"valid_referers {names}; if ($invalid_referer) {{ return 403; }}"
            for names in ("none server_names", "server_names", "none blocked a.example")
        ]
        return self.pick(lines)

    def variable_target(self):
        """Return a proxy_pass with a variable, for a host name or an address."""
        name = self.pick(["127.0.0.1", "localhost"])
        lines = [f"http://$b{self.chance.randint(0, 1)}", f"http://{name}:{self.target}$request_uri"]
        return f"set $b0 {name}:{self.target}; set $b1 127.0.0.1:{self.target}; proxy_pass {self.pick(lines)};"

    def target_line(self, *, path=True):
        rest = self.pick(["/", "/dip/", "/x"], 0.15) if path else ""
        return f"proxy_pass http://127.0.0.1:{self.target}{rest};"

    def conditional(self, depth):
        inside = [f"set $u{self.chance.randint(0, 1)} {self.pick(['upgrade', 'websocket', 'close', chr(34) * 2])};"]
        if depth and self.chance.random() < 0.4:
            inside = [self.pick([self.target_line(path=False), "return 403;", "rewrite ^/dip /other break;", "break;"])]
        return f"if {self.pick(CONDITIONS)} {{ {' '.join(inside)} }}"

    def location(self, name, depth=0):
        regex = name.startswith("~")
        lines = [*self.headers(0.6), *self.version(0.5)]
        roll = self.chance.random()
        if roll < 0.75:
            lines.append(self.target_line(path=not regex))
        elif roll < 0.82:
            lines.append(self.variable_target())
        elif roll < 0.9:
            lines.append(self.pick(["return 404;", "return 301 /x;", "rewrite ^/dip/(.*)$ /jupyter/$1 last;"]))
        if self.chance.random() < 0.15:
            lines.insert(0, self.conditional(1))
        if self.chance.random() < 0.12:
            lines.append(self.refusing())
        if depth < 1 and self.chance.random() < 0.15 and not regex and not name.startswith("="):
            lines.append(self.location(name.replace("^~ ", "").rstrip("/") + "/websocket", 1))
        return f"location {name} {{\n  " + "\n  ".join(filter(None, lines)) + "\n}"

    def server(self, port):
        """Return a server block."""
        names = {self.pick(["", "", "= ", "^~ "]) + self.pick(NAMES) for _ in range(self.chance.randint(0, 3))}
        regexes = {f"{self.pick(['~', '~*'])} {self.pick(REGEXES)}" for _ in range(self.chance.choice([0, 0, 0, 1, 2]))}
        bare = {each.split()[-1]: each for each in sorted(names)}  # nginx refuses the same name twice
        places = [*bare.values(), *sorted(regexes)]
        if self.chance.random() < 0.8 and not any(each.split()[-1] == "/" and "=" not in each for each in places):
            places = [each for each in places if each.split()[-1] != "/"] + ["/"]
        self.chance.shuffle(places)
        lines = [f"listen 127.0.0.1:{port};", "set $u0 $http_upgrade;", "set $u1 close;"]
        lines += [*self.headers(0.35), *self.version(0.4)]
        if self.chance.random() < 0.12:
            lines.append(self.conditional(0))
        lines += [self.location(name) for name in places]
        return "server {\n" + "\n".join(filter(None, lines)) + "\n}"

    def http(self):
        """Return the lines at the level of http."""
        source, entries = self.chance.choice(MAPS)
        if self.chance.random() < 0.6:
            source, entries = MAPS[0]
        lines = [f"map {source} $connection_upgrade {{ {' '.join(entry + ';' for entry in entries)} }}"]
        if self.chance.random() < 0.3:
            lines += [*self.headers(0.5), *self.version(0.5)]
        return "\n".join(filter(None, lines))
