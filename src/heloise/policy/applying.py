"""A message after changes: pure. What is not changed keeps its octets."""

from dataclasses import replace

from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope, Recipient
from heloise.policy.changes import AddRecipient, Changes, ChangeSender, RemoveRecipient, ReplaceBody
from heloise.policy.fields import change_header
from heloise.policy.views import MessageView


def after(view: MessageView, changes: Changes) -> MessageView:
    """The message after `changes`. The facts stay those of the original: whoever stores it counts anew."""
    body = view.body
    for each in changes:
        if isinstance(each, ReplaceBody):
            body = MemoryContent(b"\r\n" + each.octets)
    return MessageView(
        session=view.session,
        envelope=change_envelope(view.envelope, changes),
        message_id=view.message_id,
        facts=view.facts,
        header=change_header(view.header, changes),
        body=body,
    )


def change_envelope(envelope: Envelope, changes: Changes) -> Envelope:
    """Sender and recipients after `changes`; one that is there already is not added again."""
    for each in changes:
        match each:
            case ChangeSender(reverse_path=path, parameters=parameters):
                kept = envelope.parameters if parameters is None else parameters
                envelope = replace(envelope, reverse_path=path, parameters=kept)
            case AddRecipient(forward_path=forward_path, parameters=parameters):
                if all(one.forward_path != forward_path for one in envelope.recipients):
                    added = (*envelope.recipients, Recipient(forward_path, parameters))
                    envelope = replace(envelope, recipients=added)
            case RemoveRecipient(forward_path=forward_path):
                left = tuple(one for one in envelope.recipients if one.forward_path != forward_path)
                envelope = replace(envelope, recipients=left)
            case _:
                pass
    return envelope
