"""Status codes are stable and every status speaks."""

from confvib.dynamics.state import Status, statuses


def test_codes_go_there_and_back():
    assert statuses(status.code for status in Status) == list(Status)
    assert Status.OK.code == 0


def test_every_status_has_its_own_sentence():
    sentences = {status.sentence for status in Status}
    assert len(sentences) == len(Status)
    assert all(text[0].isupper() and text.endswith(".") for text in sentences)
