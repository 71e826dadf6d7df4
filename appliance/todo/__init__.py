"""What is left to do on the cloud's side, which no appliance can do from here.

A room of its own because it needs the intent's view of cryptography and the vendors' spellings at once.
"""
