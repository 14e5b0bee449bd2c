"""The embedded Chamicore stack: the services of the contract on loopback, a stand-in that says so."""
