"""Chooses between the paths of a connection; pure, the clock is an argument.

``connection.reconsider(was, evidence, manner, now)`` is the whole of it: evidence by tunnel, best ranked first, and
what was held before, give the new :class:`~appliance.model.health.ConnectionVerdict`. Call it on every event and at
``look_again``. It chooses between paths and never removes the last one.

``manner.Manner`` says how: equal shares or the first that works, what is asked of probes, failback, damping.
"""
