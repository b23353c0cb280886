import html.parser

from helpers.show.tables import Listing, html_table, text_table


class Reader(html.parser.HTMLParser):
    """Collects tags that stay open, links, and the scopes of headings."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.open, self.links, self.scopes, self.text = [], [], [], ""
        self.feed(markup)

    def handle_starttag(self, tag, attributes):
        if tag != "br":
            self.open.append(tag)
        self.links += [value for name, value in attributes if name == "href"]
        self.scopes += [value for name, value in attributes if name == "scope"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_what_comes_from_a_service_is_text_and_never_markup():
    read = Reader(html_table("<b>", ["a"], [["<script>alert('x')</script>"]], note="a & b"))
    assert read.open == []
    assert "<script>alert('x')</script>" in read.text
    assert "a & b" in read.text


def test_web_addresses_become_links_without_the_full_stop_after_them():
    read = Reader(html_table("c", ["a"], [["see https://aws.amazon.com/x?a=1&b=2. Then go on."]]))
    assert read.links == ["https://aws.amazon.com/x?a=1&b=2"]


def test_a_javascript_address_is_no_link():
    assert Reader(html_table("c", ["a"], [["javascript:alert(1)"]])).links == []


def test_rows_and_columns_have_headings_for_screen_readers():
    read = Reader(html_table("c", ["a", "b"], [["1", "2"], ["3", "4"]]))
    assert read.scopes == ["col", "col", "row", "row"]


def test_a_state_shows_as_a_bar_of_its_colour():
    assert "#d55e00" in html_table("c", ["a"], [["x"]], ["fail"])
    assert "border-left" not in html_table("c", ["a"], [["x"]], [""])


def test_long_cells_go_on_in_the_next_line_of_their_column():
    lines = text_table(["a", "b"], [["x", "word " * 40]]).splitlines()
    assert len(lines) > 2
    assert all(len(line) < 90 for line in lines)
    assert lines[2].startswith("   ")


def test_a_listing_is_a_sequence_and_a_table():
    listing = Listing("Things", ("Name",), (1, 2), (("one",), ("two",)))
    assert (list(listing), len(listing), listing[1]) == ([1, 2], 2, 2)
    assert "one" in str(listing)
    assert Reader(listing._repr_html_()).open == []


def test_an_empty_listing_says_so():
    listing = Listing("Things", ("Name",), (), ())
    assert "(none)" in str(listing)
    assert "None." in Reader(listing._repr_html_()).text
