"""How long `chamiperf compare` takes on a full night."""
