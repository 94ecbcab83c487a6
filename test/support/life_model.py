"""life_model.py - what a campaign may be after each verb: docs/campaigns.md as a machine that random
sequences are compared with.

Must never ask a server: what it knows are the verbs and their answers.
"""
RUNNING = ("queued", "publishing", "published")
OVER = ("sent", "cancelled", "failed")
# A verb, the statuses in which it is allowed, and those that it may leave.
VERBS = {
    "dispatch": (("draft", "scheduled"), ("queued",)),
    "schedule": (("draft", "scheduled"), ("scheduled", "queued")),
    "pause": (RUNNING, ("paused",)),
    "resume": (("paused",), ("queued",)),
    "cancel": (("draft", "scheduled", *RUNNING, "paused"), ("cancelled",)),
}
# What may become of a status while nobody calls a verb.
LATER = {
    "draft": ("draft",),
    "scheduled": ("scheduled", *RUNNING, "sent"),
    "queued": (*RUNNING, "sent"),
    "publishing": (*RUNNING, "sent"),
    "published": (*RUNNING, "sent"),
    "paused": ("paused", "sent"),
    "cancelled": ("cancelled",),
    "sent": ("sent",),
}


class Life:
    """One campaign as the verbs have left it."""

    def __init__(self):
        self.status = "draft"
        self.halts = []  # [from, until] in the time of the server; until: None, not yet

    def possible(self):
        return LATER[self.status]

    def may_succeed(self, verb):
        return any(status in VERBS[verb][0] for status in self.possible())

    def must_succeed(self, verb):
        return all(status in VERBS[verb][0] for status in self.possible())

    def succeeded(self, verb, status, now):
        """The verb answered with this status, at this time of the server."""
        assert self.may_succeed(verb), f"{verb} of a campaign that is {self.status}"
        assert status in VERBS[verb][1], f"{verb} made it {status}"
        self.status = status
        if verb == "resume":
            self.halts[-1][1] = now
        if verb == "pause" or verb == "cancel" and not (self.halts and self.halts[-1][1] is None):
            self.halts.append([now, None])

    def refused(self, verb, status):
        """The verb was refused, and the campaign is this."""
        assert not self.must_succeed(verb), f"{verb} was refused: {self.status}, now {status}"
        self.seen(status)

    def seen(self, status):
        assert status in self.possible(), f"{status} came after {self.status}"
        if status != self.status and status in OVER:
            self.status = status
