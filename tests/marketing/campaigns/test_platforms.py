import pytest

from recsys.marketing.campaigns.platforms import PLATFORMS
from recsys.marketing.contacts.identifiers import sha256


@pytest.mark.parametrize(
    ("platform", "field", "identifier", "published"),
    [
        # Meta, "Customer Information Parameters".
        (
            "meta",
            "email",
            "john_smith@gmail.com",
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
        ),
        (
            "meta",
            "phone",
            "+16505551212",
            "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
        ),
        (
            "meta",
            "first_name",
            "mary",
            "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec",
        ),
        (
            "meta",
            "last_name",
            "정",
            "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14",
        ),
        (
            "meta",
            "country",
            "US",
            "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621",
        ),
        # TikTok, "List of supported IDs and formats for a customer file".
        (
            "tiktok",
            "email",
            "janedoe@gmail.com",
            "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69",
        ),
        (
            "tiktok",
            "phone",
            "+37493828222",
            "65b7e6dcf6f4310f8d7cbfbd78289a753062fb054d6664fb9aaac5df66a422d4",
        ),
        (
            "tiktok",
            "advertising_id",
            "5f3a2b18-9c4d-4e7f-b8e2-17d3a1e69b25",
            "83dc3f5f32b9472613b0f038d36f22585a609d018af6f6067f50da318bf354bd",
        ),
    ],
)
def test_the_hashes_that_platforms_publish(platform, field, identifier, published):
    assert PLATFORMS[platform].columns[field].cell(identifier) == published


@pytest.mark.parametrize(
    ("platform", "field", "identifier", "hashed"),
    [
        (
            "google",
            "email",
            "cloudy.sanfrancisco+shopping@gmail.com",
            "cloudysanfrancisco@gmail.com",
        ),
        ("google", "email", "user.name+nyc@example.com", "user.name+nyc@example.com"),
        ("google", "phone", "+18005550100", "+18005550100"),
        ("google", "last_name", "o'brien", "o'brien"),
        ("meta", "email", "cloudy.sanfrancisco+x@gmail.com", "cloudy.sanfrancisco+x@gmail.com"),
        ("meta", "last_name", "o'brien", "obrien"),
        ("meta", "postcode", "94035-1234", "94035"),
        ("meta", "postcode", "M1 1AE", "m11ae"),
        ("meta", "postcode", "01310-100", "01310100"),
    ],
)
def test_what_is_hashed_is_the_platforms_spelling(platform, field, identifier, hashed):
    assert PLATFORMS[platform].columns[field].cell(identifier) == sha256(hashed)


def test_only_googles_country_and_zip_stand_in_clear():
    clear = [
        (platform, field, column.cell("AB1"))
        for platform, form in PLATFORMS.items()
        for field, column in form.columns.items()
        if not column.hashed
    ]
    assert clear == [("google", "country", "AB1"), ("google", "postcode", "AB1")]
