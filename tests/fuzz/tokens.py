"""Words of the languages that are fuzzed: chance alone does not find them."""

LINE_ENDS = (b"\r\n", b"\n", b"\r", b"\r\n.\r\n", b"\n.\n", b"\r\n..", b".", b"\x00", b" ", b"\t")
ADDRESSES = (
    b"<>", b"<a@b.test>", b"<Postmaster>", b"<@r.test,@s.test:a@b.test>", b'<"a b>c"@d.test>', b"<a@[192.0.2.1]>",
    b"<a@[IPv6:::1]>", b"[IPv6:", b'"', b"\\", b"@", b"<", b">", b",", b":", b"%", b"\xc3\xa4", b"\xff", b"x" * 70,
)  # fmt: skip
PARAMETERS = (
    b" SIZE=100", b" SIZE=99999999999999999999", b" BODY=8BITMIME", b" BODY=7BIT", b" BODY=BINARYMIME", b" SMTPUTF8",
    b" RET=HDRS", b" RET=FULL", b" ENVID=a+2B", b" NOTIFY=NEVER", b" NOTIFY=SUCCESS,FAILURE,DELAY",
    b" ORCPT=rfc822;a", b" ORCPT=utf-8;\xc3\xa4", b" X=y", b"=",
)  # fmt: skip
COMMANDS = (
    b"EHLO c.test\r\n", b"HELO c.test\r\n", b"LHLO c.test\r\n", b"MAIL FROM:<a@b.test>", b"MAIL FROM:",
    b"MAIL FROM:<>\r\n", b"RCPT TO:<u@x.test>\r\n", b"RCPT TO:", b"DATA\r\n", b"BDAT 5\r\n", b"BDAT 5 LAST\r\nab\r\nc",
    b"BDAT 0 LAST\r\n", b"BDAT ", b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n", b"VRFY u\r\n", b"EXPN staff\r\n", b"HELP\r\n",
    b"HELP STATUS\r\n", b"HELP MAIL\r\n", b"ETRN @x.test\r\n", b"ETRN #q\r\n", b"ATRN\r\n",
    b"ATRN a.test,b.test\r\n", b"VERB\r\n", b"VERB OFF\r\n",
    b"ONEX\r\n", b"TURN\r\n", b"DATA\r\nReceived: x\r\n\r\ntext\r\n.\r\n", b"AUTH PLAIN x\r\n",
    b"XCLIENT ADDR=192.0.2.7 LOGIN=a\r\n", b"XCLIENT NAME=[UNAVAILABLE]\r\n", b"XFORWARD ADDR=1.2.3.4 SOURCE=LOCAL\r\n",
)  # fmt: skip
REPLIES = (
    b"220 x.test\r\n", b"250-x.test\r\n", b"250 PIPELINING\r\n", b"250-SIZE 100\r\n", b"250-CHUNKING\r\n",
    b"250-BINARYMIME\r\n", b"250-8BITMIME\r\n", b"250-SMTPUTF8\r\n", b"250-DSN\r\n", b"250-VERB\r\n", b"250-ONEX\r\n",
    b"250-LIMITS RCPTMAX=2 MAILMAX=1\r\n", b"250 HELP\r\n", b"250 2.1.0 ok\r\n", b"250 ok\r\n", b"251 x\r\n",
    b"354 go\r\n", b"421 4.3.2 bye\r\n", b"450 4.2.1 later\r\n", b"452 4.5.3 many\r\n", b"500 what\r\n",
    b"550 5.1.1 no\r\n", b"552 many\r\n", b"554 no\r\n", b"050 working\r\n", b"221 bye\r\n", b"250-2.0.0 a\r\n",
    b"250\r\n", b"100 x\r\n",
)  # fmt: skip
DIGITS = (b"0", b"1", b"9" * 25, b"5.1.1", b"2.0.0", b"-", b"+2B", b"+")
TOML = (
    b'hostname = "mx.test"\n', b'state = "s"\n', b"[[listener]]\n", b'address = "127.0.0.1:25"\n', b"[local]\n",
    b"[limits]\n", b"[aliases]\n", b"[forwards]\n", b"[[user]]\n", b"[[route]]\n", b"[retry]\n", b"[extensions]\n",
    b"[relay]\n", b"[delivery]\n", b"[dns]\n", b"[etrn]\n", b"[log]\n", b'name = "a"\n', b'domains = ["x.test"]\n',
    b'to = "smtp:x.test:25"\n', b'message_size = "9 MiB"\n', b'intervals = ["5m"]\n', b'team = ["a"]\n',
    b'a = { tell = "b@x.test" }\n', b"networks = []\n", b'nameservers = ["[::1]:53"]\n', b'VRFY = "off"\n',
    b'quota = "1 GB"\n', b"x = 0xffffffffffffffff\n", b"x = 2026-01-01T00:00:00Z\n", b"x = nan\n", b'"""', b"'''",
    b"[[", b"]]", b"{", b"}", b'"\\u00e4"', b"#", b"=", b'catch_all = { "*" = "a" }\n', b'separator = "-"\n',
    b'maildir = "{user}"\n', b'expire_after = "5d"\n', b'postmaster = "a"\n', b'smarthost = "lmtp:unix:/l"\n',
)  # fmt: skip
HEADERS = (
    b"Return-Path: <a@b.test>\r\n", b"return-path:", b"Received: x\r\n", b"Subject: x\r\n", b"\r\n\r\n", b"\r\n ",
    b"\r\n\t", b"Received:", b": ",
)  # fmt: skip
