"""The processes under `make demo` and the test run: started, watched, stopped in order, never left behind.

Owns: child processes, their pid files and logs. Does not own: what they compute.
May import: nothing of Django at module level, for settings are read through here.
"""
