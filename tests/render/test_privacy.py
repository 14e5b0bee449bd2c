import pytest

from chamiperf_ci.render.privacy import without_hosts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GET https://smd.site.example:27779/hsm/v2 failed", "GET stack@lab/hsm/v2 failed"),
        ("http://user:secret@10.1.2.3/x", "stack@lab/x"),
        ("connection to 198.18.0.7:8080 refused", "connection to stack@lab refused"),
        ("[::1]:80 refused", "stack@lab refused"),
        ("localhost:3333 refused", "stack@lab refused"),
        ("p99.9 of 1.2.3 is 12.4 ms (95 %: 8.2 to 34.7 %)", "p99.9 of 1.2.3 is 12.4 ms (95 %: 8.2 to 34.7 %)"),
    ],
)
def test_hosts_and_addresses_become_the_environment_and_paths_stay(text, said):
    assert without_hosts(text, "lab") == said
