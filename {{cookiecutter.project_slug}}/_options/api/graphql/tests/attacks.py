"""Documents that are short to write and dear to answer, by what they do."""

NODES = "nodes { id }"
ATTACKS: dict[str, str] = {
    "eleven levels": "{ books " + "{ edges { node " * 5 + "{ id }" + " } }" * 5 + " }",
    "a thousand levels": "{ a" * 300 + "}" * 300,
    "a thousand inline fragments": "{ " + "... { " * 300 + "__typename" + " }" * 300 + " }",
    "levels in fragments": "{ ...A } fragment A on Query { books { edges { ...B } } } "
    "fragment B on BookEdge { node { author { id { id { id { id { id { id { id } } } } } } } } }",
    "a thousand aliases": "{ " + " ".join(f'a{n}: book(id: "{n}") {{ id }}' for n in range(1000)) + " }",
    "sixteen aliases": "{ " + " ".join(f'a{n}: book(id: "{n}") {{ id }}' for n in range(16)) + " }",
    "aliases in a fragment": "{ a: books { nodes { ...F } } b: books { nodes { ...F } } } fragment F on Book { "
    + " ".join(f"a{n}: id" for n in range(10))
    + " }",
    "a field five hundred times": "{ books { nodes { " + "id " * 500 + "} } }",
    "a schema's field five hundred times": "{ __schema { types { " + "name " * 500 + "} } }",
    "a list fifty times": "{ " + f"books {{ {NODES} }} " * 50 + "}",
    "a fragment that is itself": "{ books { nodes { ...F } } } fragment F on Book { id ...F }",
    "fragments in a circle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "fragments that double": "{ ...A0 } "
    + " ".join(f"fragment A{n} on Query {{ ...A{n + 1} ...A{n + 1} }}" for n in range(15))
    + f" fragment A15 on Query {{ books {{ {NODES} }} }}",
    "a hundred fragments": "{ ...A0 } " + " ".join(f"fragment A{n} on Query {{ __typename }}" for n in range(100)),
    "directives on a field": "{ books " + "@include(if: true) " * 200 + f"{{ {NODES} }} }}",
    "unknown directives": "{ books " + "@a " * 500 + f"{{ {NODES} }} }}",
    "directives on the operation": "query " + "@a " * 500 + f"{{ books {{ {NODES} }} }}",
    "ten thousand tokens": "{ books { nodes { " + "id " * 3000 + "} } }",
    "a long name": "{ " + "a" * 20_000 + " }",
    "comments": "#\n" * 4000 + f"{{ books {{ {NODES} }} }}",
    "a list of lists": f"{{ books(first: {'[' * 300}{']' * 300}) {{ {NODES} }} }}",
    "a hundred operations": " ".join(f"query Q{n} {{ books {{ {NODES} }} }}" for n in range(90)),
    "pages times pages": "{ members(first: 100) { nodes { loans(first: 100) { nodes { id } } } } }",
    "pages in fragments": "{ members(first: 100) { nodes { ...M } } } "
    "fragment M on Member { loans(first: 50) { ...L } } fragment L on LoanConnection { nodes { id dueOn } }",
    "a page of a billion": f"{{ books(first: 1000000000) {{ {NODES} }} }}",
}
