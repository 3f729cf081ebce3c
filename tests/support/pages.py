"""What the pages of the stand-in show in a browser."""


def state_of(tab, url):
    """Open a page and return the state it ends in: live, failed or done."""
    tab.goto(url)
    tab.wait_for_function("document.body.dataset.state")
    return tab.evaluate("document.body.dataset.state")


def handshake_errors(console):
    """Return why each handshake failed, without its URL, from the lines of a console."""
    return [line.split("failed: ")[1].rstrip(": ") for line in console if "WebSocket connection to" in line]
