"""Scenario files that are no XML, but that SIPp has always read."""

from __future__ import annotations

import pytest

from trio_sip.testing import ScenarioError, load_sipp_scenario
from trio_sip.testing.sipp._laxity import as_xml, without_escapes


def pattern(attributes: str) -> str:
    """The regular expression of an ``<ereg>`` with these attributes, in a file of one line."""
    text = f'<scenario><nop><action><ereg {attributes} assign_to="1"/></action></nop></scenario>'
    expression = load_sipp_scenario(text).steps[0].actions[0].pattern
    assert expression is not None
    return expression.pattern


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (r'regexp="\"Bob\" &lt;sip:bob@127.0.0.1&gt;"', '"Bob" <sip:bob@127.0.0.1>'),
        ('regexp="<sip:(.*)>" search_in="hdr" header="Contact:"', "<sip:(.*)>"),
        (r'regexp="\"alice\"\\s+<sip:alice.*"', r'"alice"\s+<sip:alice.*'),
        ('regexp="a & b &amp; c"', "a & b & c"),
        ("regexp='x' header=\"Contact\":", "x"),
        ('regexp="x"search_in="hdr"', "x"),
        ('regexp="first" regexp="second"', "first"),
        ("regexp='<a>' header='\"'", "<a>"),
    ],
)
def test_an_attribute_that_xml_forbids_is_read_as_sipp_reads_it(
    attributes: str, expected: str
) -> None:
    assert expected == pattern(attributes)


@pytest.mark.parametrize(
    ("written", "expected"),
    [(r"\\s+", r"\s+"), (r"\s+", r"\s+"), (r"a\.b", r"a\.b"), (r"one\ntwo", "one\ntwo")],
)
def test_a_backslash_in_an_attribute_of_true_xml_is_read_as_sipp_reads_it(
    written: str, expected: str
) -> None:
    assert expected == pattern(f'regexp="{written}"')


def test_what_is_meant_for_nobody_else_stays() -> None:
    assert r"\d \w" == without_escapes(r"\d \w")


def test_dashes_in_a_comment_do_no_harm() -> None:
    text = "<scenario><!-- audio -- before the ACK ---><nop/></scenario>"

    assert 1 == len(load_sipp_scenario(text).steps)


def test_a_file_without_its_last_line_is_whole() -> None:
    assert 2 == len(load_sipp_scenario('<scenario name="x">\n<nop/>\n<nop/>\n').steps)


def test_lines_keep_their_numbers_whatever_is_mended() -> None:
    text = '<scenario>\n<!-- a\n-- b\n-->\n<nop display="<<"\n crlf="true"\n/>\n<unheard of="it"/>'

    assert ["line 8: <unheard>"] == [str(one) for one in load_sipp_scenario(text).unsupported]


def test_what_is_between_messages_brackets_is_not_touched() -> None:
    message = '<![CDATA[\nMESSAGE sip:x SIP/2.0\n\n<a b="\\"" -- & c>]]>'

    assert message in as_xml(f'<scenario>\n<send display="<">{message}</send></scenario>')


def test_what_is_wrong_in_any_case_is_told_with_the_line_of_the_file() -> None:
    with pytest.raises(ScenarioError, match="line 3: mismatched tag"):
        load_sipp_scenario("<scenario>\n<nop>\n</send>\n</scenario>")


def test_an_entity_that_is_never_used_may_be_declared() -> None:
    text = '<!DOCTYPE scenario [<!ENTITY other SYSTEM "other.xml">]><scenario><nop/></scenario>'

    assert 1 == len(load_sipp_scenario(text).steps)
