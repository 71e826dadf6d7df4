"""Asks over every tunnel, again and again, whether anybody answers.

``prober.Prober`` is the door: one thread, one loop for all tunnels. It sends what ``schedule`` says is due and tells
the windows (``window``) what came back; whoever wants to know takes ``health(now)``, woken by ``on_change``. Targets
follow from the intent in ``targets``. Keep ``health`` and events apart: an event only says "look".

Costs follow wake-ups, not probes: the targets of one row of the interval go out by one system call (``bursts``), and
what came since is read by one. A target that never answered is asked at full pace for five seconds, then once a second,
until it answers, or ``hasten`` says that it may now: over a new SA, or an interface that was made again.
"""
