"""looker.py - somebody who looks at the page of docker/nginx.conf in a browser: what they see, and what they do.

Must never ask the API by itself: what is not on the page, nobody sees.
"""
import json

from waiting import wait_until

# What the policy of the page has refused, and what has failed in its scripts.
WATCHER = """
window.refusals = [];
document.addEventListener("securitypolicyviolation", event => refusals.push(event.violatedDirective + " " + event.blockedURI));
addEventListener("error", event => refusals.push(String(event.message)));
addEventListener("unhandledrejection", event => refusals.push(String(event.reason)));
"""
ROW = """(() => {
	const row = document.querySelector(`li[data-id="%s"]`);
	const text = name => row.querySelector(name).textContent;
	return row && {name: text(".name"), status: text(".status"), figures: text(".figures"), sentence: text(".sentence"),
		health: row.dataset.health, bars: [...row.querySelectorAll(".bar")].map(bar => bar.textContent)};
})()"""


class Looker:
    """A page of ours, opened by somebody."""

    def __init__(self, browser, url):
        self.page = browser.open(f"{url}/page/", WATCHER)

    def text(self, selector):
        """What is written there; None if it is not to be seen."""
        return self.page.run(f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
                             " return found?.checkVisibility() ? found.textContent : null; })()")

    def click(self, selector):
        """As somebody does: what cannot be clicked, is not."""
        clicked = self.page.run(f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
                                " if (!found?.checkVisibility() || found.disabled) return false; found.click(); return true; })()")
        assert clicked, f"{selector} cannot be clicked"

    def waits_for(self, what, selector, text, timeout=30):
        """Until this is written there; what is."""
        def written():
            found = self.text(selector)
            return found if found is not None and text in found else None
        return wait_until(what, written, timeout)

    def fill_in(self, email, password):
        """The form, as a browser that remembers passwords does, and sends it."""
        for name, value in (("email", email), ("password", password)):
            self.page.run(f"void (document.getElementById('{name}').value = {json.dumps(value)})")
        self.click("#log-in button")

    def log_in(self, person):
        self.fill_in(person.email, person.password)
        return self.waits_for("somebody is logged in", "#who", person.email)

    def row(self, campaign_id):
        """A campaign as the list has it, None if it is not there."""
        return self.page.run(ROW % campaign_id)

    def waits_for_row(self, campaign_id, is_so, timeout=30):
        """Until this is true of the row; the row."""
        seen = []

        def found():
            seen[:] = [self.row(campaign_id)]
            return seen[0] if seen[0] and is_so(seen[0]) else None
        try:
            return wait_until(f"the page shows campaign {campaign_id} so", found, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; the row: {seen}; said: {self.text('#unanswered')}") from None

    def choose(self, campaign_id):
        self.click(f'li[data-id="{campaign_id}"] .name')
        wait_until("its details are there",
                   lambda: self.page.run("document.getElementById('detail').dataset.id") == campaign_id)

    def orders(self, verb):
        """Presses a button as soon as it may be pressed."""
        button = f'[data-order="{verb}"]'
        wait_until(f"{verb} is possible", lambda: self.page.run(f"!document.querySelector('{button}').disabled"))
        self.click(button)

    def table(self, name):
        """The rows of a table of the details, each as an object."""
        return self.page.run(f"""(() => {{
            const texts = cells => [...cells].map(cell => cell.textContent);
            const table = document.getElementById("{name}");
            const names = texts(table.tHead.rows[0].cells);
            return [...table.tBodies[0].rows].map(row => Object.fromEntries(texts(row.cells).map((text, place) => [names[place], text])));
        }})()""")

    def refusals(self):
        """What the browser has refused to the page, and what has failed in it."""
        return self.page.run("refusals")

    def addresses(self):
        """Where it has asked for anything."""
        self.page.run("0")
        return [asked["request"]["url"] for asked in self.page.seen("Network.requestWillBeSent")]
