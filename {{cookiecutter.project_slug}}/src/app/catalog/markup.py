"""The pages of the catalogue as HTML: plain, without a script, light or dark as the reader likes it.

`Markup.format` escapes whatever is put in, unless it is markup already.
"""

from collections.abc import Sequence

from markupsafe import Markup

from app.catalog.schemas import BookView
from app.kit.static_site import asset

SITE_NAME = "Lending library"
IDS = 100
"""How many ids a list covers."""

STYLE = b"""\
:root { color-scheme: light dark; --ink: #1d2420; --soft: #56615a; --paper: #fbfaf6; --line: #dcdfd6; --link: #1a6342; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9e3; --soft: #a3ada5; --paper: #161b18; --line: #333b36; --link: #8fd3ae; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 0 1.25rem; max-width: 44rem; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.55 system-ui, sans-serif; }
a { color: var(--link); text-underline-offset: .15em; }
body > header { padding: 1.25rem 0; border-bottom: 1px solid var(--line); }
body > header a { color: inherit; font-weight: 600; text-decoration: none; }
main { padding: 1.5rem 0 3rem; }
h1 { margin: 0 0 .5rem; font: 600 2rem/1.2 Georgia, serif; text-wrap: balance; }
p { margin: 0 0 1rem; }
.soft { color: var(--soft); }
ul { margin: 1.5rem 0; padding: 0; list-style: none; }
.books li { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; padding: .6rem 0;
  border-bottom: 1px solid var(--line); }
.books .soft { font-size: .9375rem; }
.books .soft:last-child { grid-area: 1 / 2 / 3; align-self: center; }
.lists { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .75rem; }
.lists a { display: block; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .5rem;
  text-decoration: none; }
main nav { display: flex; justify-content: space-between; gap: 1rem; }
article { display: flow-root; }
article img { float: right; width: 9rem; margin: 0 0 1rem 1.5rem; border-radius: .25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .4rem 1.5rem; margin: 1.5rem 0; }
dt { color: var(--soft); }
dd { margin: 0; }
"""
STYLESHEET = asset("style.css", STYLE)

PAGE = Markup("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{root}{stylesheet}">{links}
</head>
<body>
<header><a href="{home}">{site_name}</a></header>
<main>
{main}
</main>
</body>
</html>
""")
BOOK = Markup("""\
<article>{cover}
<h1>{title}</h1>
<p>by {author}</p>
<dl>
<dt>Copies</dt><dd>{copies}</dd>{isbn}
</dl>
</article>
<nav><a href="../lists/{number}.html">Books beside it</a> <a href="{id}.json">As JSON</a></nav>""")
COVER = Markup('\n<img src="{url}" alt="" width="144" height="216" loading="lazy">')
ISBN = Markup("\n<dt>ISBN</dt><dd>{isbn}</dd>")
JSON = Markup('\n<link rel="alternate" type="application/json" href="{id}.json">')
LIST = Markup("""\
<h1>{heading}</h1>
<ul class="books">
{items}
</ul>
<nav>{previous}{next}</nav>""")
ITEM = Markup("""\
<li><a href="../books/{id}.html">{title}</a> <span class="soft">{author}</span>
<span class="soft">{copies}</span></li>""")
INDEX = Markup("""\
<h1>The catalogue</h1>
<p class="soft">All books, by the number they were given when they came.</p>
<ul class="lists">
{items}
</ul>""")
ENTRY = Markup('<li><a href="{path}">{text}</a></li>')
NO_ITEM = Markup('<li class="soft">No book has one of these numbers.</li>')
LINK = Markup('<a href="{path}" rel="{relation}">{text}</a>')
NOT_FOUND = Markup("""\
<h1>There is no such page</h1>
<p>Perhaps the <a href="/">catalogue</a> has what you look for.</p>""")


def book(book: BookView, number: int) -> bytes:
    """Return the page of a book, which is on the list with that `number`."""
    main = BOOK.format(
        id=book.id,
        title=book.title,
        author=book.author.name,
        copies=_copies(book),
        isbn=ISBN.format(isbn=book.isbn) if book.isbn else "",
        cover=COVER.format(url=book.cover_url) if book.cover_url else "",
        number=number,
    )
    return _page(f"{book.title}, by {book.author.name}", main, root="../", links=JSON.format(id=book.id))


def book_list(books: Sequence[BookView], number: int, *, has_next: bool) -> bytes:
    """Return the list with that `number`: the books that have its ids, if there are any."""
    heading = f"Books {_ids(number)}"
    items = [ITEM.format(id=book.id, title=book.title, author=book.author.name, copies=_copies(book)) for book in books]
    main = LIST.format(
        heading=heading,
        items=Markup("\n").join(items) if items else NO_ITEM,
        previous=LINK.format(path=f"{number - 1}.html", relation="prev", text="Previous") if number > 1 else "",
        next=LINK.format(path=f"{number + 1}.html", relation="next", text="Next") if has_next else "",
    )
    return _page(heading, main, root="../")


def index(lists: int) -> bytes:
    """Return the first page, which leads to so many lists."""
    items = Markup("\n").join(
        ENTRY.format(path=f"lists/{number}.html", text=_ids(number)) for number in range(1, lists + 1)
    )
    return _page(SITE_NAME, INDEX.format(items=items))


def not_found() -> bytes:
    """Return the page for addresses that are none; it is shown at any depth, so its links start at the top."""
    return _page("There is no such page", NOT_FOUND, root="/", home="/")


def _page(title: str, main: Markup, *, root: str = "", home: str = "", links: Markup | str = "") -> bytes:
    page = PAGE.format(
        title=title,
        root=root,
        stylesheet=STYLESHEET,
        links=links,
        home=home or f"{root}index.html",
        site_name=SITE_NAME,
        main=main,
    )
    return page.encode()


def _copies(book: BookView) -> str:
    return f"{book.available} of {book.copies} free"


def _ids(number: int) -> str:
    return f"{(number - 1) * IDS + 1} to {number * IDS}"
