"""Reads out of the sources what each Error tells the user to do: the templates of all hints.

A hint is written where an Error is made, or reaches it through a parameter (`refuse(reason, hint)`), a variable, a constant of
another file, a member (`how_to_get`, `remedy`) or what a function returns. Each of these is followed back to its literals; what
cannot be followed is reported, so that no hint stays unseen.
"""
import re

FAMILIES = "usage environment enforcement model engine store device image source output validation interrupted internal".split()
CODE = re.compile(r'"((?:%s)(?:\.[a-z0-9_]+)+|interrupted)"' % "|".join(FAMILIES))
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
# Members that carry a hint to where the Error is made, and the code that it then has.
MEMBERS = {"hint": "", "how_to_get": "environment.library", "remedy": "environment.machine"}
PASSED_ON = re.compile(r"(\.|->)(hint|how_to_get|remedy|refusal)(\(\))?$")
NO_FUNCTIONS = {"if", "for", "while", "switch", "catch", "return", "sizeof", "alignas", "decltype", "static_assert"}
DECLARATION = re.compile(r"(const\s+)?[\w:]+(<.*>)?\s*[&*]*\s*[&*\s]\w+(\s*=.*)?", re.S)


def without_comments(text):
    """The text with comments blanked out; string literals stay."""
    pattern = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|//[^\n]*|/\*.*?\*/', re.S)
    return pattern.sub(lambda m: m[0] if m[0][0] in "\"'" else re.sub(r"[^\n]", " ", m[0]), text)


def skeleton(text):
    """The same length, with the insides of literals blanked: brackets and commas in it are code."""
    blank = lambda m: m[0][0] + "_" * (len(m[0]) - 2) + m[0][0]
    return re.sub(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.){1,2}\'', blank, text)


class Source:
    def __init__(self, path, text):
        self.path, self.text = path, without_comments(text)
        self.bare = skeleton(self.text)
        self.pairs, opened = {}, []
        for i, c in enumerate(self.bare):
            if c in "([{":
                opened.append(i)
            elif c in ")]}" and opened:
                self.pairs[opened.pop()] = i
        self.opening = {close: start for start, close in self.pairs.items()}
        self.braces = sorted(i for i in self.pairs if self.bare[i] == "{")

    def split(self, start):
        """[(text, position)] of the arguments of the bracket at start."""
        end, parts, begin, i = self.pairs.get(start, start), [], start + 1, start + 1
        while i <= end:
            if i in self.pairs:
                i = self.pairs[i]
            elif self.bare[i] == "," or i == end:
                if self.text[begin:i].strip():
                    parts.append((self.text[begin:i].strip(), begin))
                begin = i + 1
            i += 1
        return parts

    def functions(self, position):
        """(name, position of its parameters' bracket) of what encloses the position, innermost first."""
        for brace in reversed(self.braces):
            if not brace < position <= self.pairs[brace]:
                continue
            head = re.search(r"\)\s*(?:const|noexcept|mutable|override|->\s*[\w:<>&*\s]+|\s)*$", self.bare[:brace][-200:])
            if not head:
                continue
            bracket = self.opening.get(max(0, brace - 200) + head.start())
            if bracket is None:
                continue
            name = re.search(r"([~\w]+)(?:\s*=\s*\[[^\]]*\])?\s*$|(?<=\])()$", self.bare[max(0, bracket - 200):bracket])
            if name and name[1] is None:  # a lambda without a name
                yield "", bracket, brace
            elif name and name[1] not in NO_FUNCTIONS:
                yield name[1], bracket, brace

    def returns(self, name):
        """What the functions of this name return: [(expression, position)]."""
        found = []
        for match in re.finditer(r"\b%s\s*\(" % re.escape(name), self.bare):
            body = re.match(r"\s*(?:const\s*)?(?:noexcept\s*)?\{", self.bare[self.pairs.get(match.end() - 1, 0) + 1:])
            if body:
                start = self.pairs[match.end() - 1] + body.end()
                for each in re.finditer(r"\breturn\b([^;]+);", self.bare[start:self.pairs[start]]):
                    inside = next(self.functions(start + each.start()), ("",))
                    if inside[0] != name:  # of a lambda in it
                        continue
                    found.append((self.text[start + each.start(1):start + each.end(1)].strip(), start + each.start(1)))
        return found

    def values(self, name, position):
        """What is assigned to the name: in the innermost function that assigns it, else in the file."""
        spans = [(self.pairs[b], brace) for _, b, brace in self.functions(position)] + [(0, None)]
        for begin, brace in spans:
            end = self.pairs[brace] if brace is not None else len(self.bare)
            found = [(self.text[begin + m.start(1):begin + m.end(1)].strip(), begin + m.start(1))
                     for m in re.finditer(r"(?<![\w.>])%s\s*(?:\[\])?\s*\+?=(?!=)([^;]*);" % re.escape(name), self.bare[begin:end])]
            if found:
                return found
        return []


def parameter_name(text):
    match = re.search(r"(\w+)\s*(=.*|\{\})?$", text.strip(), re.S)
    return match[1] if match else ""


def top_level(bare, wanted):
    """Positions of a character outside of all brackets."""
    depth, found = 0, []
    for i, c in enumerate(bare):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(c, 0)
        if depth == 0 and c == wanted and bare[i - 1:i] != ":" and bare[i + 1:i + 2] != ":":
            found.append(i)
    return found


class Extraction:
    def __init__(self, texts):
        self.sources = [Source(p, t) for p, t in texts.items()]
        self.hints, self.unread = {}, []  # {template: {code}}, [(source, position, expression)]
        # Functions that take a hint: (name, file or None) -> index of the hint, index of the code or None, codes, index of the
        # hint that may be left out.
        self.takers, self.seen = [], set()

    def run(self):
        for source in self.sources:
            self.errors(source)
            self.members(source)
        while self.takers:
            self.calls(*self.takers.pop())
        return self.hints, self.unread

    def errors(self, source):
        """Error(code, sentence, hint), {"family.name", sentence, hint}, and {code, sentence, hint} of a function that returns one."""
        for match in re.finditer(r"(?<!class )\bError(?:\s+\w+)?\s*[({]|\breturn\s*\{|\{(?=\s*\")", source.bare):
            start = match.end() - 1
            parts = source.split(start)
            if len(parts) < 3 or DECLARATION.fullmatch(parts[0][0]):
                continue
            of_error = match[0].startswith("return") and self.returns_error(source, start)
            if not match[0].startswith("Error") and not CODE.fullmatch(parts[0][0]) and not of_error:
                continue
            code = parts[0][0]
            if re.fullmatch(r"\w+", code):  # a constant
                code = " ".join(value for value, _ in source.values(code, start))
            self.follow(source, parts[2], parts[0], set(CODE.findall(code)))

    @staticmethod
    def returns_error(source, position):
        bracket = next((bracket for _, bracket, _ in source.functions(position)), None)
        return bracket is not None and re.search(r"\bError\s+(\w+::)*\w+\s*$", source.bare[max(0, bracket - 100):bracket])

    def members(self, source):
        for member, code in MEMBERS.items():
            for match in re.finditer(r"(?:\.|->)%s\s*=(?!=)\s*([^;,}]*)" % member, source.bare):
                end = match.start(1)
                while source.bare[end] not in ";,}":
                    end = source.pairs.get(end, end) + 1
                self.follow(source, (source.text[match.start(1):end].strip(), match.start(1)), None, {code} - {""})
        for struct in re.finditer(r"\bstruct (\w+) \{", source.bare):
            body = source.bare[struct.end():source.pairs[struct.end() - 1]]
            body = re.sub(r"\benum class \w+[^{;]*\{[^}]*\}", "", body)
            fields = [f for line in body.split(";") if "(" not in line for f in line.split(",") if f.strip()]
            for i, field in enumerate(map(parameter_name, fields)):
                if field in MEMBERS:
                    self.aggregates(struct[1], i, len(fields), {MEMBERS[field]} - {""})

    def aggregates(self, struct, index, count, codes):
        """Structures with such a member where they are written out: S s{...}, return {...}, rows.push_back({...}), load({...})."""
        takers = {m[1] for s in self.sources if struct in s.bare for m in re.finditer(r"(\w+)\s*\(\s*const %s\s*&" % struct, s.bare)}
        passes = re.compile("|".join([r"\b%s\b" % struct] + [r"\b%s\s*\(" % t for t in takers]))
        for source in self.sources:
            if not passes.search(source.bare):
                continue
            makers = {m[1] for m in re.finditer(r"\b%s>? (\w+)\s*\(" % struct, source.bare)}
            vectors = {m[1] for m in re.finditer(r"\b%s> (\w+)\s*[;{]" % struct, source.bare)}
            for at in source.braces:
                before = source.bare[max(0, at - 100):at]
                made = re.search(r"(?<!struct )\b%s(\s+\w+)?\s*$" % struct, before)
                passed = re.search(r"\b(\w+)\s*\(\s*$", before)
                pushed = re.search(r"\b(\w+)\.(?:push|emplace)_back\(\s*$", before)
                returned = re.search(r"\breturn\s*\{?\s*$", before) and any(f in makers for f, *_ in source.functions(at))
                if made or (passed and passed[1] in takers) or (pushed and pushed[1] in vectors) or returned:
                    parts = source.split(at)
                    if index < len(parts) <= count:
                        self.follow(source, parts[index], None, codes | set(CODE.findall(source.text[at:source.pairs[at]])))

    def calls(self, name, file, index, code_index, codes, least):
        for source in self.sources:
            if source.path != file and not (file.suffix in (".h", ".cuh") and self.sees(source, file)):
                continue
            for match in re.finditer(r"(?<![\w~])%s\s*\(" % re.escape(name), source.bare):
                parts = source.split(match.end() - 1)
                if len(parts) <= index or len(parts) < least or DECLARATION.fullmatch(parts[index][0]):
                    continue
                code = parts[code_index] if code_index is not None else None
                found = set(CODE.findall(code[0])) if code else codes
                self.follow(source, parts[index], code, found or codes)

    @staticmethod
    def sees(source, header):
        return source.path.parent == header.parent or "/".join(header.parts[-2:]) in source.text

    def follow(self, source, hint, code, codes, depth=0):
        """Notes the templates that the expression hint = (text, position) can be."""
        text, at = hint
        text = text.strip()
        while match := re.fullmatch(r"(?:std::)?(?:move|string|string_view)\s*\((.*)\)|\((.*)\)", text, re.S):
            inner = match[1] if match[1] is not None else match[2]
            if skeleton(inner).count("(") != skeleton(inner).count(")") or re.search(r"^[^(]*\)", skeleton(inner)):
                break
            text = inner.strip()
        bare = skeleton(text)
        if text in ("", "{}", '""') or PASSED_ON.search(text):
            return
        if depth > 6:
            self.unread.append((source, at, text))
        elif questions := top_level(bare, "?"):
            colon = [c for c in top_level(bare, ":") if c > questions[0]]
            cut = colon[len(questions) - 1] if len(questions) <= len(colon) else colon[-1]
            if len(questions) > 1:  # a ? b : c ? d : e
                cut = colon[0]
            self.follow(source, (text[questions[0] + 1:cut], at), code, codes, depth + 1)
            self.follow(source, (text[cut + 1:], at), code, codes, depth + 1)
        elif match := re.match(r"(?:fmt::)?format\s*\(", bare):
            first = re.match(r'\s*((?:"[^"]*"\s*)+)', bare[match.end():])
            if first:
                self.note(text[match.end() + first.start(1):match.end() + first.end(1)], codes)
            else:
                self.unread.append((source, at, text))
        elif top_level(bare, "+") or STRING.match(text):
            cuts = [-1] + top_level(bare, "+") + [len(text)]
            pieces = [text[a + 1:b].strip() for a, b in zip(cuts, cuts[1:])]
            if not all(STRING.match(p) for p in pieces) and not any(STRING.match(p) for p in pieces):
                self.unread.append((source, at, text))
            else:
                self.note("".join(p if STRING.match(p) else '"{}"' for p in pieces), codes)
        else:
            self.look_up(source, at, text, code, codes, depth)

    def look_up(self, source, at, text, code, codes, depth):
        call = re.fullmatch(r"(?:[\w:]+(?:\.|->|::))?(\w+)\s*\(.*\)", text, re.S)
        name = re.fullmatch(r"(?:\w+::)*(\w+)", text)
        nearby = [source] + sorted((s for s in self.sources if s is not source),
                                   key=lambda s: (s.path.parent != source.path.parent, str(s.path)))
        if call:
            for each in nearby:
                if returned := each.returns(call[1]):
                    for value in returned:
                        self.follow(each, value, code, codes, depth + 1)
                    return
        elif name:
            for function, bracket, _ in source.functions(at):
                parameters = [p for p, _ in source.split(bracket)]
                names = [parameter_name(p) for p in parameters]
                if name[1] in names:
                    return self.taker(source, function, parameters, names.index(name[1]), code, codes)
            for each in nearby:
                if assigned := each.values(name[1], at if each is source else len(each.bare)):
                    for value in assigned:
                        self.follow(each, value, code, codes, depth + 1)
                    return
        self.unread.append((source, at, text))

    def taker(self, source, function, parameters, index, code, codes):
        names = [parameter_name(p) for p in parameters]
        code_name = re.sub(r"std::move\((\w+)\)", r"\1", code[0]) if code else ""
        code_index = names.index(code_name) if code_name in names else None
        header = next((s.path for s in self.sources if s.path.suffix in (".h", ".cuh") and
                       (s is source or s.path.parent == source.path.parent) and
                       re.search(r"(?<!\w)%s\s*\(" % function, s.bare)), None)
        if code_index is not None:  # a code that may be left out has its default in the declaration
            for s in self.sources:
                for match in re.finditer(r"(?<!\w)%s\s*\(" % function, s.bare):
                    parts = s.split(match.end() - 1)
                    if len(parts) > code_index and DECLARATION.fullmatch(parts[code_index][0]):
                        codes = codes | set(CODE.findall(parts[code_index][0]))
        key = (function, header or source.path, index, code_index)
        if key not in self.seen:
            self.seen.add(key)
            self.takers.append((*key, codes, index + 1))

    def note(self, literals, codes):
        template = "".join(m[0][1:-1] for m in STRING.finditer(literals)).replace('\\"', '"')
        if template:
            self.hints.setdefault(template, set()).update(codes)
