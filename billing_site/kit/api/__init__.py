"""The conventions of every endpoint: keys, problems, strict JSON, keyset pages, repeat keys.

Owns: how requests and answers look. Does not own: any endpoint; each app has its own `api`. May import: the kit only.
"""
