"""Requests that two parsers may read in two ways (RFC 9112 §11.2), each with a second call hidden in it or behind it.
The first of each asks for the model `visible`, the hidden one for `smuggled`; both bear a good key."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    request: bytes
    status: int = 400
    answers: int = 1
    closed: bool = True


def chat(model, text="hello"):
    return ('{"model":"bench/%s","max_tokens":16,"messages":[{"role":"user","content":"%s"}]}' % (model, text)).encode()


def shapes(key):
    path = b"/v1/chat/completions"
    authorization = b"Authorization: Bearer " + key.encode() + b"\r\nContent-Type: application/json\r\n"
    body, hidden_body = chat("visible"), chat("smuggled")
    hidden = (b"POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n" % (path, authorization, len(hidden_body))
              + hidden_body)
    line = b"POST %s HTTP/1.1\r\nHost: x\r\n" % path
    length = b"Content-Length: %d\r\n" % len(body)
    chunked = b"Transfer-Encoding: chunked\r\n"
    in_chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)

    def head(*fields, first=line):
        return first + authorization + b"".join(fields) + b"\r\n"

    def chunks(framing):
        return head(chunked) + framing + hidden

    # Which of the two framings counts is the question; whichever is believed, the other one's rest is a call.
    both = [
        Shape("Content-Length, then Transfer-Encoding", head(length, chunked) + in_chunks + hidden),
        Shape("Transfer-Encoding, then Content-Length", head(chunked, length) + in_chunks + hidden),
        Shape("Content-Length that covers the chunks", head(b"Content-Length: %d\r\n" % len(in_chunks), chunked)
              + in_chunks + hidden),
        Shape("Content-Length: 0 with chunks", head(b"Content-Length: 0\r\n", chunked) + in_chunks + hidden),
        Shape("Content-Length that ends before the hidden call", head(b"Content-Length: 5\r\n", chunked)
              + b"0\r\n\r\n" + hidden),
    ]
    lengths = [
        Shape("two Content-Lengths that differ", head(length, b"Content-Length: 0\r\n") + body + hidden),
        Shape("two Content-Lengths that agree", head(length, length) + body + hidden),
        Shape("a list of lengths", head(b"Content-Length: %d, %d\r\n" % (len(body), len(body))) + body + hidden),
        Shape("a length with a sign", head(b"Content-Length: +%d\r\n" % len(body)) + body + hidden),
        Shape("a negative length", head(b"Content-Length: -1\r\n") + body + hidden),
        Shape("a length in hex", head(b"Content-Length: 0x%x\r\n" % len(body)) + body + hidden),
        Shape("a length of 2^64 more", head(b"Content-Length: %d\r\n" % (len(body) + 2**64)) + body + hidden),
        Shape("an empty length", head(b"Content-Length:\r\n") + body + hidden),
        Shape("a length with a space inside", head(b"Content-Length: 1 0\r\n") + body + hidden),
    ]
    encodings = [
        Shape(f"Transfer-Encoding: {value.decode().strip()!r}", head(b"Transfer-Encoding: " + value + b"\r\n")
              + in_chunks + hidden)
        for value in (b"chunked, identity", b"identity, chunked", b"identity", b"gzip, chunked", b"xchunked",
                      b"chunked, chunked", b"chunked;q=1", b"\"chunked\"", b"chunked\x0b", b"chunked,")
    ] + [
        Shape("two Transfer-Encodings", head(chunked, chunked) + in_chunks + hidden),
        Shape("Transfer-Encoding that is hidden by its case and a length", head(length, b"tRANSFER-eNCODING: chunked\r\n")
              + in_chunks + hidden),
        Shape("HTTP/1.0 with chunks", head(chunked, first=b"POST %s HTTP/1.0\r\nHost: x\r\n" % path) + in_chunks + hidden),
        Shape("HTTP/1.0 with both", head(length, chunked, first=b"POST %s HTTP/1.0\r\nHost: x\r\n" % path)
              + in_chunks + hidden),
    ]
    fields = [
        Shape("space before the colon", head(b"Content-Length : 0\r\n") + hidden),
        Shape("space before the colon of Transfer-Encoding", head(length, b"Transfer-Encoding : chunked\r\n")
              + in_chunks + hidden),
        Shape("a tab before the colon", head(b"Content-Length\t: 0\r\n") + hidden),
        Shape("a folded line", head(b"X-A: a\r\n Content-Length: 0\r\n", length) + body + hidden),
        Shape("a folded Transfer-Encoding", head(length, b"Transfer-Encoding:\r\n chunked\r\n") + in_chunks + hidden),
        Shape("a fold by a tab", head(b"X-A: a\r\n\tb\r\n", length) + body + hidden),
        Shape("a fold behind the request line", head(length, first=b"POST %s HTTP/1.1\r\n Host: x\r\n" % path) + body
              + hidden),
        Shape("a bare CR in a value", head(b"X-A: a\rContent-Length: 0\r\n", length) + body + hidden),
        Shape("a bare CR that ends a line", head(b"X-A: a\r" + length) + body + hidden),
        Shape("a bare CR in a name", head(b"X\rA: a\r\n", length) + body + hidden),
        Shape("a bare LF that ends a line", head(b"X-A: a\n", length) + body + hidden),
        Shape("a bare LF that ends the head", line + authorization + b"Content-Length: 0\n\n" + hidden),
        Shape("NUL in a value", head(b"X-A: a\0b\r\n", length) + body + hidden),
        Shape("NUL in a name", head(b"X\0A: a\r\n", length) + body + hidden),
        Shape("NUL behind Transfer-Encoding", head(length, b"Transfer-Encoding: chunked\0\r\n") + in_chunks + hidden),
        Shape("a name that is empty", head(b": a\r\n", length) + body + hidden),
        Shape("a line without a colon", head(b"chunked\r\n", length) + body + hidden),
        Shape("two Hosts", head(length, b"Host: y\r\n") + body + hidden),
        Shape("no Host", head(length, first=b"POST %s HTTP/1.1\r\n" % path) + body + hidden),
        Shape("absolute form of another host", head(length, first=b"POST http://y%s HTTP/1.1\r\nHost: x\r\n" % path)
              + body + hidden),
        Shape("absolute form with a name and password",
              head(length, first=b"POST http://u:p@x%s HTTP/1.1\r\nHost: x\r\n" % path) + body + hidden),
        Shape("two spaces in the request line", head(length, first=b"POST  %s HTTP/1.1\r\nHost: x\r\n" % path) + body
              + hidden),
        Shape("HTTP/1.2", head(length, first=b"POST %s HTTP/1.2\r\nHost: x\r\n" % path) + body + hidden),
        Shape("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden),
    ]
    broken_chunks = [
        Shape(f"chunks: {name}", chunks(framing)) for name, framing in [
            ("a size of 2^64", b"10000000000000000\r\n" + body + b"\r\n0\r\n\r\n"),
            ("a size that wraps to the body's", b"1%016x\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
            ("a negative size", b"-%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
            ("a size with 0x", b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
            ("a size with junk", b"%xZ\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
            ("a space before the size", b" %x\r\n%s\r\n0\r\n\r\n" % (len(body), body)),
            ("no size", b"\r\n%s\r\n0\r\n\r\n" % body),
            ("a bare LF behind the size", b"%x\n%s\r\n0\r\n\r\n" % (len(body), body)),
            ("a bare CR behind the size", b"%x\r%s\r\n0\r\n\r\n" % (len(body), body)),
            ("a bare LF in an extension", b"%x;a\n%s\r\n0\r\n\r\n" % (len(body), body)),
            ("more bytes than the size", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) - 1, body)),
            ("a bare LF behind the bytes", b"%x\r\n%s\n0\r\n\r\n" % (len(body), body)),
            ("bare LFs at the end", b"%x\r\n%s\r\n0\n\n" % (len(body), body)),
        ]
    ]
    taken = [
        # A trailer is the body's: nothing in it is believed, and what comes behind it is the next request.
        Shape("a trailer with fields of a head", head(chunked) + in_chunks[:-2]
              + b"Authorization: Bearer none\r\nX-Session-Id: trailer\r\nHost: y\r\nConnection: close\r\n\r\n", 200,
              closed=False),
        Shape("a trailer with a Content-Length", head(chunked) + in_chunks[:-2] + b"Content-Length: 0\r\n\r\n" + hidden),
        Shape("a trailer with a Transfer-Encoding", head(chunked) + in_chunks[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
              + hidden),
        # The body's bytes are the body's, whatever they look like.
        Shape("a call inside a body", head(b"Content-Length: %d\r\n" % len(hidden)) + hidden, 400, closed=False),
        Shape("a call inside a chunk", head(chunked) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden), 400, closed=False),
        Shape("a call inside a body that is passed over",
              b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden, 200, closed=False),
        Shape("two calls, one behind the other", (head(length) + body) * 2, 200, answers=2, closed=False),
    ]
    return both + lengths + encodings + fields + broken_chunks + taken
