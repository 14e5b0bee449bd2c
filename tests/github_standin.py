"""A stand-in of GitHub's API: one repository in memory, every request and answer checked against the description.

Behind `responses` (`intercept`) for tests of one module, behind a socket (`serve`) for whole commands and workflows.
It keeps a log of what it was asked; `writes` are the requests that would have changed something on GitHub.
"""

import base64
import contextlib
import hashlib
import io
import json
import re
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import github_description as description
import responses

# ruff: noqa: ARG002 - every answer gets the request, needed or not
# ruff: noqa: D102 - the names say it
# ruff: noqa: S324 - git's own ids are SHA-1

ROBOT = "github-actions[bot]"
DEFAULT_BRANCH = "main"


@dataclass
class Asked:
    """One request as it arrived."""

    verb: str
    path: str
    query: dict
    body: dict | None
    authorization: str

    @property
    def line(self):
        return f"{self.verb} {self.path}"


@dataclass
class StandIn:
    """One repository; `fail(...)` plans what goes wrong."""

    repository: str = "octo/stack"
    login: str | None = None
    """Who the token belongs to; None as for a workflow's own token, which may not ask."""
    base_url: str = "https://api.github.test"
    comments: list = field(default_factory=list)
    issues: list = field(default_factory=list)
    pulls: list = field(default_factory=list)
    files: dict = field(default_factory=dict)
    """Path to text, on the default branch."""
    refs: dict = field(default_factory=lambda: {DEFAULT_BRANCH: hashlib.sha1(b"base").hexdigest()})
    commits: dict = field(default_factory=dict)
    trees: dict = field(default_factory=dict)
    past: dict = field(default_factory=dict)
    """The default branch's files by commit, of commits that it does not end in any more."""
    moved_to: str = ""
    """The number of a repository that was renamed: it is asked for by its name, and answers there."""
    runs: dict = field(default_factory=dict)
    """Workflow runs by number: fields of GitHub's answer."""
    workflows: dict = field(default_factory=dict)
    """File name to state, such as `active`."""
    artifacts: list = field(default_factory=list)
    archives: dict = field(default_factory=dict)
    blobs: dict = field(default_factory=dict)
    log: list = field(default_factory=list)
    checked: list = field(default_factory=list)
    """Faults of a request or an answer, for the case that the asker swallowed the exception."""
    _failures: list = field(default_factory=list)
    _others: list = field(default_factory=list)

    def __post_init__(self):
        self.commits.setdefault(
            self.refs[DEFAULT_BRANCH], {"tree": hashlib.sha1(b"tree").hexdigest(), "message": "First", "parents": []}
        )

    @property
    def writes(self):
        return [asked.line for asked in self.log if asked.verb != "GET"]

    def fail(self, verb, path, status, message="", *, headers=None, times=1, done=False):
        """Plan the answer to the next `times` requests that match; status 0 cuts the connection.

        With `done`, the request is carried out and only its answer is lost. A message of bytes is the whole answer, as
        from a proxy that answers in GitHub's place.
        """
        for _ in range(times):
            self._failures.append((verb, re.compile(path), status, message, headers or {}, done))

    def meanwhile(self, verb, path, action, *, after=False):
        """Let somebody else act once, before or after the next request that matches is carried out."""
        self._others.append((verb, re.compile(path), action, after))

    def _act(self, asked, *, after):
        for plan in [one for one in self._others if one[3] == after]:
            if plan[0] == asked.verb and plan[1].search(asked.path):
                self._others.remove(plan)
                plan[2]()

    def add_pull(self, number, *, head_repository=None, branch="topic", commit="c" * 40, state="open", base=None):
        self.pulls.append(
            {
                "number": number,
                "head_repository": head_repository or self.repository,
                "branch": branch,
                "commit": commit,
                "state": state,
                "base": base or DEFAULT_BRANCH,
                "title": f"Pull request {number}",
                "body": "",
            }
        )

    def add_comment(self, pull, author, body):
        self.comments.append({"id": 100 + len(self.comments), "pull": pull, "author": author, "body": body})

    def merge(self, files):
        """Somebody merges a change to the default branch."""
        old = self.refs[DEFAULT_BRANCH]
        self.past[old] = dict(self.files)
        self.files |= files
        sha = hashlib.sha1(f"{old} {sorted(files)}".encode()).hexdigest()
        self.commits[sha] = {"tree": hashlib.sha1(sha.encode()).hexdigest(), "message": "Merge", "parents": [old]}
        self.refs[DEFAULT_BRANCH] = sha

    def add_artifact(self, run, name, files, *, expired=False, size=None, archive=None):
        data = zipped(files) if archive is None else archive
        number = 900 + len(self.artifacts)
        self.artifacts.append(
            {"id": number, "run": run, "name": name, "size": len(data) if size is None else size, "expired": expired}
        )
        self.archives[number] = data

    def handle(self, verb, url, headers, raw):
        """Answer a request: status (0 to cut the connection), headers, and JSON or bytes."""
        parts = urlsplit(url)
        if match := re.fullmatch(r"/-/storage/(\d+)", parts.path):
            assert "Authorization" not in headers, "our token was sent to the storage"
            return 200, {"Content-Type": "application/zip"}, self.archives[int(match[1])]
        body = json.loads(raw) if raw else None
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = Asked(verb, parts.path, query, body, headers.get("Authorization", ""))
        self.log.append(asked)
        try:
            if self.moved_to:
                url = url.replace(f"/repositories/{self.moved_to}", f"/repos/{self.repository}")
            description.check_request(verb, url, body)
            failure = next((plan for plan in self._failures if plan[0] == verb and plan[1].search(parts.path)), None)
            if failure is not None:
                self._failures.remove(failure)
                _, _, status, message, extra, done = failure
                if done:
                    self._answer(asked)
                if isinstance(message, bytes):
                    return status, extra, message
                answer = {"message": message, "documentation_url": "https://docs.github.test", "status": str(status)}
                return status, extra, answer
            self._act(asked, after=False)
            status, extra, answer = self._answer(asked)
            self._act(asked, after=True)
            if status not in {301, 307}:
                description.check_response(verb, url, status, answer)
        except Exception as error:
            self.checked.append(f"{verb} {url}: {type(error).__name__}: {error}")
            raise
        return status, extra, answer

    def _answer(self, asked):
        path = asked.path.removeprefix(f"/repos/{self.repository}")
        if self.moved_to and path != asked.path:
            status = 301 if asked.verb == "GET" else 307
            place = f"{self.base_url}/repositories/{self.moved_to}{path}"
            return status, {"Location": place}, {"message": "Moved Permanently", "url": place}
        if self.moved_to:
            path = asked.path.removeprefix(f"/repositories/{self.moved_to}")
        if asked.path != "/user" and path == asked.path:
            return 404, {}, {"message": "Not Found"}
        for verb, pattern, method in _ROUTES:
            if asked.verb == verb and (match := re.fullmatch(pattern, path)):
                return getattr(self, method)(asked, *match.groups())
        return 404, {}, {"message": "Not Found"}

    def _user(self, asked):
        if self.login is None:
            return 403, {}, {"message": "Resource not accessible by integration"}
        return 200, {}, instance("public-user", login=self.login)

    def _repository(self, asked):
        return 200, {}, instance("full-repository", full_name=self.repository, default_branch=DEFAULT_BRANCH)

    def _read_pull(self, asked, number):
        pull = self._pull_of(number)
        return (200, {}, self._pull(pull, "pull-request")) if pull else (404, {}, {"message": "Not Found"})

    def _list_pulls(self, asked):
        owner, _, branch = asked.query.get("head", "").partition(":")
        # Of an owner that it does not know GitHub takes no notice, and lists all.
        repositories = (self.repository, *(pull["head_repository"] or "" for pull in self.pulls))
        if owner not in {repository.split("/")[0] for repository in repositories}:
            branch = ""
        found = [
            self._pull(pull, "pull-request-simple")
            for pull in self.pulls
            if (not branch or (pull["branch"] == branch and pull["head_repository"].split("/")[0] == owner))
            and asked.query.get("state", "open") in (pull["state"], "all")
            and asked.query.get("base", pull["base"]) == pull["base"]
        ]
        return self._page(asked, found)

    def _open_pull(self, asked):
        head, base = asked.body["head"], asked.body["base"]
        if self.refs.get(head) == self.refs[base]:
            return self._unprocessable("PullRequest", f"No commits between {base} and {head}")
        if any(pull["branch"] == head and pull["state"] == "open" for pull in self.pulls):
            return self._unprocessable("PullRequest", f"A pull request already exists for {head}.")
        number = 500 + len(self.pulls)
        self.add_pull(number, branch=head, commit=self.refs[head], base=base)
        self.pulls[-1] |= {"title": asked.body["title"], "body": asked.body["body"]}
        return 201, {}, self._pull(self.pulls[-1], "pull-request")

    def _edit_pull(self, asked, number):
        pull = self._pull_of(number)
        pull |= asked.body
        return 200, {}, self._pull(pull, "pull-request")

    def _list_comments(self, asked, pull):
        found = [self._comment(comment) for comment in self.comments if comment["pull"] == int(pull)]
        return self._page(asked, found)

    def _create_comment(self, asked, pull):
        if len(asked.body["body"]) > 65_536:
            return self._unprocessable("IssueComment", "Body is too long (maximum is 65536 characters)")
        self.add_comment(int(pull), self.login or ROBOT, asked.body["body"])
        return 201, {"location": "https://api.github.test"}, self._comment(self.comments[-1])

    def _edit_comment(self, asked, number):
        comment = next((comment for comment in self.comments if comment["id"] == int(number)), None)
        if comment is None:
            return 404, {}, {"message": "Not Found"}
        if len(asked.body["body"]) > 65_536:
            return self._unprocessable("IssueComment", "Body is too long (maximum is 65536 characters)")
        comment["body"] = asked.body["body"]
        return 200, {}, self._comment(comment)

    def _delete_comment(self, asked, number):
        self.comments = [comment for comment in self.comments if comment["id"] != int(number)]
        return 204, {}, None

    def _list_issues(self, asked):
        found = [
            self._issue(issue)
            for issue in reversed(self.issues)
            if asked.query.get("labels") in (None, *issue["labels"])
            and asked.query.get("creator", issue["author"]) == issue["author"]
            and asked.query.get("state", "open") in (issue["state"], "all")
        ]
        return self._page(asked, found)

    def _open_issue(self, asked):
        self.issues.append(
            {**asked.body, "number": 300 + len(self.issues), "state": "open", "author": self.login or ROBOT}
        )
        return 201, {}, self._issue(self.issues[-1])

    def _edit_issue(self, asked, number):
        issue = next((issue for issue in self.issues if issue["number"] == int(number)), None)
        if issue is None:  # a pull request, which is an issue as well
            pull = next(pull for pull in self.pulls if pull["number"] == int(number))
            pull |= asked.body
            return 200, {}, self._issue({**pull, "author": self.login or ROBOT})
        issue |= asked.body
        return 200, {}, self._issue(issue)

    def _read_ref(self, asked, branch):
        if branch not in self.refs:
            return 404, {}, {"message": "Not Found"}
        return 200, {}, self._ref(branch)

    def _create_ref(self, asked):
        branch = asked.body["ref"].removeprefix("refs/heads/")
        if branch in self.refs:
            return self._unprocessable("Reference", "Reference already exists")
        self.refs[branch] = asked.body["sha"]
        return 201, {}, self._ref(branch)

    def _descends(self, sha, ancestor):
        """Whether a commit comes after another."""
        return sha == ancestor or any(self._descends(parent, ancestor) for parent in self.commits[sha]["parents"])

    def _update_ref(self, asked, branch):
        if not asked.body.get("force") and not self._descends(asked.body["sha"], self.refs[branch]):
            return self._unprocessable("Reference", "Update is not a fast forward")
        self.refs[branch] = asked.body["sha"]
        return 200, {}, self._ref(branch)

    def _read_contents(self, asked, path):
        ref = asked.query.get("ref", DEFAULT_BRANCH)
        here = self.files if ref in (DEFAULT_BRANCH, self.refs[DEFAULT_BRANCH]) else self.past.get(ref, {})
        text = here.get(path)
        if text is None:
            return 404, {}, {"message": "Not Found"}
        encoded, sha = base64.encodebytes(text.encode()).decode(), hashlib.sha1(text.encode()).hexdigest()
        shape = (
            {"encoding": "base64", "content": encoded} if len(text) < 1024**2 else {"encoding": "none", "content": ""}
        )
        self.blobs[sha] = encoded
        return 200, {}, instance("content-file", path=path, name=path, size=len(text), sha=sha, **shape)

    def _read_blob(self, asked, sha):
        return 200, {}, instance("blob", sha=sha, content=self.blobs[sha], encoding="base64")

    def _read_run(self, asked, number):
        if int(number) not in self.runs:
            return 404, {}, {"message": "Not Found"}
        said = dict(self.runs[int(number)])
        there = instance("minimal-repository", full_name=self.repository)
        head = instance("minimal-repository", full_name=said.pop("head_repository", self.repository))
        page = f"https://github.test/{self.repository}/actions/runs/{number}"
        known = {"id": int(number), "html_url": page, "repository": there, "head_repository": head}
        return 200, {}, instance("workflow-run", **(known | said))

    def _create_tree(self, asked):
        sha = hashlib.sha1(json.dumps(asked.body, sort_keys=True).encode()).hexdigest()
        self.trees[sha] = asked.body
        entries = [
            {"path": entry["path"], "mode": entry["mode"], "type": "blob", "sha": sha, "size": len(entry["content"])}
            for entry in asked.body["tree"]
        ]
        return 201, {}, {"sha": sha, "url": "https://api.github.test", "tree": entries, "truncated": False}

    def _create_commit(self, asked):
        sha = hashlib.sha1(json.dumps(asked.body, sort_keys=True).encode()).hexdigest()
        self.commits[sha] = asked.body
        return 201, {}, self._commit(sha)

    def _read_commit(self, asked, sha):
        return 200, {}, self._commit(sha)

    def _read_workflow(self, asked, file):
        if file not in self.workflows:
            return 404, {}, {"message": "Not Found"}
        created = "2026-03-01T00:00:00Z"
        return 200, {}, instance("workflow", path=file, state=self.workflows[file], created_at=created)

    def _list_artifacts(self, asked, run):
        wanted = asked.query.get("name")
        found = [
            instance(
                "artifact",
                id=artifact["id"],
                name=artifact["name"],
                size_in_bytes=artifact["size"],
                expired=artifact["expired"],
            )
            for artifact in self.artifacts
            if artifact["run"] == int(run) and wanted in (None, artifact["name"])
        ]
        return 200, {}, {"total_count": len(found), "artifacts": found}

    def _archive(self, asked, number):
        return 302, {"Location": f"{self.base_url}/-/storage/{number}"}, None

    def _page(self, asked, entries):
        size, page = int(asked.query.get("per_page", 30)), int(asked.query.get("page", 1))
        more = len(entries) > size * page
        link = {"Link": f'<{self.base_url}{asked.path}?page={page + 1}>; rel="next"'} if more else {}
        return 200, link, entries[size * (page - 1) : size * page]

    def _pull_of(self, number):
        return next((pull for pull in self.pulls if pull["number"] == int(number)), None)

    def _pull(self, pull, schema):
        data = instance(
            schema, number=pull["number"], state=pull["state"], title=pull["title"], body=pull["body"],
            html_url=f"https://github.test/{self.repository}/pull/{pull['number']}",
        )  # fmt: skip
        data["head"] |= {"ref": pull["branch"], "sha": pull["commit"]}
        data["head"]["repo"] = instance("repository", full_name=pull["head_repository"])
        data["base"] |= {"ref": pull["base"], "repo": instance("repository", full_name=self.repository)}
        return data

    def _comment(self, comment):
        page = f"https://github.test/{self.repository}/pull/{comment['pull']}#issuecomment-{comment['id']}"
        return instance(
            "issue-comment",
            id=comment["id"],
            body=comment["body"],
            html_url=page,
            user=None if comment["author"] is None else instance("simple-user", login=comment["author"]),
        )

    def _issue(self, issue):
        return instance(
            "issue", number=issue["number"], title=issue["title"], body=issue["body"], state=issue["state"],
            user=instance("simple-user", login=issue["author"]), labels=[],
            html_url=f"https://github.test/{self.repository}/issues/{issue['number']}",
        )  # fmt: skip

    def _ref(self, branch):
        data = instance("git-ref", ref=f"refs/heads/{branch}")
        data["object"] |= {"type": "commit", "sha": self.refs[branch].ljust(40, "0")}
        return data

    def _commit(self, sha):
        commit = self.commits[sha]
        data = instance("git-commit", sha=sha, message=commit["message"])
        data["tree"] |= {"sha": commit["tree"]}
        return data

    def _unprocessable(self, resource, message):
        error = {"resource": resource, "field": "data", "code": "custom", "message": message}
        return 422, {}, {"message": "Validation Failed", "documentation_url": "https://x.test", "errors": [error]}


_ROUTES = [
    ("GET", "/user", "_user"),
    ("GET", "", "_repository"),
    ("GET", r"/pulls/(\d+)", "_read_pull"),
    ("GET", "/pulls", "_list_pulls"),
    ("POST", "/pulls", "_open_pull"),
    ("PATCH", r"/pulls/(\d+)", "_edit_pull"),
    ("GET", r"/issues/(\d+)/comments", "_list_comments"),
    ("POST", r"/issues/(\d+)/comments", "_create_comment"),
    ("PATCH", r"/issues/comments/(\d+)", "_edit_comment"),
    ("DELETE", r"/issues/comments/(\d+)", "_delete_comment"),
    ("GET", "/issues", "_list_issues"),
    ("POST", "/issues", "_open_issue"),
    ("PATCH", r"/issues/(\d+)", "_edit_issue"),
    ("GET", "/git/ref/heads/(.+)", "_read_ref"),
    ("POST", "/git/refs", "_create_ref"),
    ("PATCH", "/git/refs/heads/(.+)", "_update_ref"),
    ("GET", "/contents/(.+)", "_read_contents"),
    ("GET", "/git/blobs/([0-9a-f]+)", "_read_blob"),
    ("GET", r"/actions/runs/(\d+)", "_read_run"),
    ("POST", "/git/trees", "_create_tree"),
    ("POST", "/git/commits", "_create_commit"),
    ("GET", "/git/commits/([0-9a-f]+)", "_read_commit"),
    ("GET", r"/actions/workflows/([^/]+)", "_read_workflow"),
    ("GET", r"/actions/runs/(\d+)/artifacts", "_list_artifacts"),
    ("GET", r"/actions/artifacts/(\d+)/zip", "_archive"),
]


def zipped(files):
    """An archive as `upload-artifact` makes it, from names to text or bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def instance(name, /, **values):
    """The smallest value that GitHub's schema of that name accepts, with `values` put in."""
    return _smallest(description.schema(name)) | values


def _smallest(schema):
    schema = description.resolved(schema)
    if schema.get("nullable"):
        return None
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return _smallest(schema[choice][0])
    if "allOf" in schema:
        return {key: value for part in schema["allOf"] for key, value in _smallest(part).items()}
    if schema.get("type") == "object" or "properties" in schema:
        return {name: _smallest(schema["properties"][name]) for name in schema.get("required", ())}
    # A string long enough for every minimum length that GitHub states (a commit's 40).
    return {"integer": 1, "number": 1, "boolean": False, "array": [], "string": "0" * 40}[schema["type"]]


@contextlib.contextmanager
def intercept(stand_in):
    """Answer what `requests` sends to the stand-in's base URL, without a socket."""

    def reply(request):
        status, headers, answer = stand_in.handle(request.method, request.url, request.headers, request.body)
        if status == 0:
            raise ConnectionResetError("cut")
        body = answer if isinstance(answer, bytes) else json.dumps(answer) if answer is not None else ""
        return status, headers, body

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for verb in ("GET", "POST", "PATCH", "PUT", "DELETE"):
            mock.add_callback(verb, re.compile(re.escape(stand_in.base_url)), callback=reply)
        yield stand_in


@contextlib.contextmanager
def serve(stand_in):
    """Answer on a loopback port; sets `base_url`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self):
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, headers, answer = stand_in.handle(
                    self.command, f"{stand_in.base_url}{self.path}", self.headers, raw
                )
            except Exception as error:  # noqa: BLE001 - a fault of the stand-in is kept in `checked`
                status, headers, answer = 500, {}, {"message": f"stand-in: {error}"}
            if status == 0:
                self.close_connection = True
                return
            body = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # Who asked may have gone; said on standard error, that would count as the command's own words.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815 - http.server's names

        def log_message(self, *_):
            """The stand-in keeps its own log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stand_in.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
