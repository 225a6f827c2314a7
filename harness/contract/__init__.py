"""What a backend is: the protocol, how a loaded object is completed to it, and how a target is found."""
