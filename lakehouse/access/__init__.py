"""Who asks, and what they may: callers of the collector, of media uploads and of the live path.

    Authorization header ─▶ Gate.caller ─▶ Caller ─▶ .require(scope, zone, org)

caller.py has the nouns and the gate that stands open on the local profile, gate.py the closed one; keys.py and oidc.py know
API keys and bearer tokens, limit.py how much a caller may send. open.py chooses by the settings.
"""
