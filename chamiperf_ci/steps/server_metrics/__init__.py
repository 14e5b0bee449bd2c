"""What the services say of themselves over a load, and how it joins what the client saw."""
