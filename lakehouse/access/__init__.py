"""Who asks, and what they may: callers of the collector, of media uploads and of the live path.

    Authorization header ─▶ Gate.caller ─▶ Caller ─▶ .require(scope, zone, org)

caller.py has the nouns and the gate that stands open on the local profile.
"""
