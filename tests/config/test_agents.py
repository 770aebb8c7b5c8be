"""Programs and web services in the configuration."""

import pytest

from heloise.config import ConfigError, parse_configuration
from heloise.config.advice import advise
from heloise.config.kinds import Seconds
from heloise.mail.route import Route, Transport

START = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "192.0.2.1:25"
[local]
domains = ["example.test"]
postmaster = "alice"
[[user]]
name = "alice"
route = "pipe:procmail"
[[route]]
domains = ["lists.test"]
to = "http:lists"
"""
PIPE = '[[pipe]]\nname = "procmail"\nuser = "mail"\ncommand = ["/usr/bin/procmail", "-f", "{sender}", "{recipient}"]\n'
HOOK = '[[hook]]\nname = "lists"\nurl = "https://app.test/mail"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_configuration(text, directory="/d")
    return str(caught.value).splitlines()


def test_programs_and_services_are_named_by_routes() -> None:
    configuration = parse_configuration(START + PIPE + HOOK, directory="/d")
    assert configuration.users[0].route == Route(Transport.PIPE, "procmail")
    assert configuration.routes[0].to == Route(Transport.HTTP, "lists")
    assert configuration.pipes[0].command[-1] == "{recipient}"
    assert configuration.hooks[0].timeout == Seconds(60)
    assert not [item for item in advise(configuration) if item.section in ("pipe", "hook")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (START + HOOK, '"pipe:procmail": there is no [[pipe]] of this name'),
        (START + PIPE.replace('"procmail"', '"procmial"') + HOOK, 'did you mean "procmial"?'),
        (START + PIPE, '"http:lists": there is no [[hook]] of this name'),
        (START + PIPE + PIPE + HOOK, 'there is a pipe "procmail" already, heloise.toml:15'),
        (START + PIPE + HOOK + HOOK, 'there is a hook "lists" already'),
        (START + PIPE.replace("/usr/bin/procmail", "procmail") + HOOK, '"procmail" is not an absolute path'),
        (START + PIPE.replace("{sender}", "{sendr}") + HOOK, 'did you mean "sender"?'),
        (START + PIPE.replace('"{recipient}"', '"--to={recipient}"') + HOOK, "stands for a whole argument"),
        (START + PIPE.replace("{recipient}", "{user}") + "one_recipient = false\n" + HOOK, "belongs to one recipient"),
        (
            START
            + PIPE.replace('command = ["/usr/bin/procmail", "-f", "{sender}", "{recipient}"]', "command = []")
            + HOOK,
            "the command is empty",
        ),
        (START + PIPE + 'timeout = "0s"\n' + HOOK, "timeout is more than 0"),
        (START + PIPE + HOOK.replace("https:", "ftp:"), "is not the URL of a web service"),
        (START + PIPE + HOOK.replace("app.test", "app.test:port"), "is not the URL of a web service"),
        (START + PIPE + HOOK.replace("app.test", "a:b@app.test"), "a URL has no user and no password here"),
        (START + PIPE + HOOK + 'headers = { "X Y" = "1" }\n', 'the header "X Y" can not be sent'),
        (START + PIPE + HOOK + 'headers = { X = "1\\n2" }\n', 'the header "X" can not be sent'),
        (START + PIPE + HOOK + 'headers = { Host = "x" }\n', "Host is written by the server itself"),
        (START + PIPE + HOOK + 'secret = ""\n', "an empty secret is none"),
        (START.replace("pipe:procmail", "pipe:../x") + PIPE + HOOK, "is not a name for a program or a service"),
    ],
)
def test_what_could_not_work_is_told_with_its_line(text: str, said: str) -> None:
    assert any(said in line for line in problems(text)), problems(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (START + PIPE.replace('user = "mail"\n', "") + HOOK, "it is not run when the server runs as root"),
        (START + PIPE + HOOK.replace("https:", "http:"), "for everybody to read"),
    ],
)
def test_what_is_risky_is_told_as_advice(text: str, said: str) -> None:
    assert any(said in item.text for item in advise(parse_configuration(text, directory="/d")))


def test_http_on_this_machine_is_nobody_elses_business() -> None:
    text = START + PIPE + HOOK.replace("https://app.test", "http://127.0.0.1:8000")
    assert not [item for item in advise(parse_configuration(text, directory="/d")) if item.section == "hook"]
