"""What staff and buyers type: RUTs with or without dots, and booking codes."""

from hypothesis import given
from hypothesis import strategies as st

from middleware_worker.contract.rut import MAX_RUT, check_digit, format_rut
from reservations_site.reservations.models import ALPHABET, new_code
from reservations_site.reservations.selectors import searched_rut, typed_code

ruts = st.integers(1, MAX_RUT)


@given(ruts)
def test_a_rut_is_found_however_it_is_typed(rut: int) -> None:
    shown = format_rut(rut)
    for typed in (shown, shown.replace(".", ""), shown.lower(), f" {shown} ", f"{rut}-{check_digit(rut)}"):
        assert searched_rut(typed) == rut


@given(st.integers(100_000, MAX_RUT))
def test_a_bare_number_is_a_rut_too_unless_its_last_digit_checks(rut: int) -> None:
    found = searched_rut(str(rut))
    assert found in {rut, rut // 10}


@given(st.text(max_size=30))
def test_no_text_breaks_the_search(text: str) -> None:
    found = searched_rut(text)
    assert found is None or 0 <= found <= MAX_RUT


@given(ruts, st.sampled_from("0123456789K"))
def test_a_wrong_check_digit_after_a_dash_finds_nobody(rut: int, digit: str) -> None:
    if digit != check_digit(rut):
        assert searched_rut(f"{rut}-{digit}") is None


@given(st.text(alphabet=ALPHABET, min_size=12, max_size=12))
def test_a_code_is_read_as_it_was_meant(body: str) -> None:
    code = f"TF-{body[:4]}-{body[4:8]}-{body[8:]}"
    for typed in (code, code.lower(), f"tf{body}", code.replace("0", "O").replace("1", "I"), code.replace("1", "l")):
        assert typed_code(typed) == code


@given(st.text(max_size=40))
def test_any_text_can_be_looked_for(text: str) -> None:
    assert isinstance(typed_code(text), str)


def test_codes_are_of_the_promised_shape_and_differ() -> None:
    codes = {new_code() for _code in range(200)}
    assert len(codes) == 200
    assert all(typed_code(code) == code and len(code) == 17 for code in codes)
