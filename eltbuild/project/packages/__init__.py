"""Other people's projects inside this one: what is asked for, in which version, and how it gets here.

Every command looks at what lies there (`present`); only few need what fetches it.
"""
