0 === __VU ? module.exports = require("../dhcp_sync_burst.js") : (() => {
    "use strict";
    var k6 = require("k6"), metrics = require("k6/metrics"), http = require("k6/http"), encoding = require("k6/encoding"), exec = require("k6/execution");
    const entry = name => {
        switch (name) {
          case "seed_order":
            return JSON.parse('["component","interface","bootparams","payload"]');

          case "kea":
            return JSON.parse('{"path":"/","body":{"command":"reservation-get-all","service":["dhcp4"]},"contains":["\\"result\\""]}');

          case "routes.bootscript":
            return JSON.parse('{"service":"bss","method":"GET","path":"/boot/v1/bootscript?mac={mac_encoded}","open":true,"contains":["kernel http://images.example/{id}/vmlinuz console=ttyS0 chamiperf.node={id} ip=dhcp\\ninitrd http://images.example/{id}/initrd.img\\n"]}');

          case "routes.meta-data":
            return JSON.parse('{"service":"cloud-init","method":"GET","path":"/cloud-init/{id}/meta-data","open":true,"contains":["\\"{id}\\""]}');

          case "routes.user-data":
            return JSON.parse('{"service":"cloud-init","method":"GET","path":"/cloud-init/{id}/user-data","open":true,"contains":["#cloud-config\\nhostname: {id}\\n"]}');

          case "routes.vendor-data":
            return JSON.parse('{"service":"cloud-init","method":"GET","path":"/cloud-init/{id}/vendor-data","open":true,"contains":["vendor data of {id}."]}');

          case "routes.component-list":
            return JSON.parse('{"service":"smd","method":"GET","path":"/hsm/v2/State/Components?limit=100&offset={offset}","contains":["\\"kind\\":\\"ComponentList\\"","\\"items\\":["]}');

          case "routes.component-bulk":
            return JSON.parse('{"service":"smd","method":"POST","path":"/hsm/v2/State/Components/bulk"}');

          case "routes.token":
            return JSON.parse('{"service":"auth","method":"POST","path":"/auth/v1/token","open":true,"contains":["\\"access_token\\":\\""]}');

          case "objects.component":
            return JSON.parse('{"kind":"components","service":"smd","path":"/hsm/v2/State/Components","mark":["\\"{id}\\""],"change":{"state":"On"},"changed":["\\"On\\""],"key":"{id}","body":{"id":"{id}","type":"Node","state":"Ready","role":"Compute","slot":0,"subSlot":0},"patch":["state","role","slot","subSlot"]}');

          case "objects.interface":
            return JSON.parse('{"kind":"interfaces","service":"smd","path":"/hsm/v2/Inventory/EthernetInterfaces","mark":["\\"{mac}\\"","\\"{ip}\\""],"change":{"description":"changed by {id}"},"changed":["changed by {id}"],"find":"?component_id={id}&limit=100","body":{"componentId":"{id}","macAddr":"{mac}","ipAddrs":["{ip}"]},"patch":["macAddr","ipAddrs"]}');

          case "objects.bootparams":
            return JSON.parse('{"kind":"bootparams","service":"bss","path":"/boot/v1/bootparams","mark":["\\"http://images.example/{id}/vmlinuz\\""],"change":{"cmdline":"console=ttyS0 chamiperf.changed={id} ip=dhcp"},"changed":["chamiperf.changed={id} "],"find":"?component_id={id}&limit=100","body":{"component_id":"{id}","mac":"{mac}","role":"Compute","kernel_uri":"http://images.example/{id}/vmlinuz","initrd_uri":"http://images.example/{id}/initrd.img","cmdline":"console=ttyS0 chamiperf.node={id} ip=dhcp"},"patch":["mac","role","kernel_uri","initrd_uri","cmdline"]}');

          case "objects.payload":
            return JSON.parse('{"kind":"payloads","service":"cloud-init","path":"/cloud-init/payloads","mark":["hostname: {id}\\\\n"],"change":{"vendor_data":"#cloud-config\\nfinal_message: changed by {id}.\\n"},"changed":["changed by {id}."],"find":"?component_id={id}&limit=100","body":{"component_id":"{id}","role":"Compute","user_data":"#cloud-config\\nhostname: {id}\\n","meta_data":{"instance-id":"{id}"},"vendor_data":"#cloud-config\\nfinal_message: vendor data of {id}.\\n"},"patch":["role","user_data","meta_data","vendor_data"]}');

          case "objects.target":
            return JSON.parse('{"kind":"targets","service":"discovery","path":"/discovery/v1/targets","mark":["\\"{id}\\""],"change":{"enabled":false},"changed":["\\"enabled\\":false"],"body":{"name":"{id}","driver":"redfish","addresses":["{ip}"]}}');

          case "objects.transition":
            return JSON.parse('{"kind":"transitions","service":"power","path":"/power/v1/transitions","mark":["\\"{id}\\""],"body":{"operation":"On","requestID":"{id}","nodes":["{id}"],"dryRun":true}}');

          case "objects.service-account":
            return JSON.parse('{"kind":"service-accounts","service":"auth","path":"/auth/v1/service-accounts","get":"?limit=200","mark":["\\"{id}\\""],"body":{"name":"{id}","scopes":["read:components"]}}');

          case "objects.lock":
            return JSON.parse('{"kind":"groups","service":"smd","path":"/hsm/v2/groups","key":"chamiperf-lock","body":{"name":"chamiperf-lock","description":"Run {run} of {owner} uses this stack until {expires}.","members":[],"tags":{"run":"{run}","owner":"{owner}","expires":"{expires}","process":"{process}"}}}');

          case "grants.dev-mode":
            return JSON.parse('{"grant_type":"dev_mode"}');

          case "grants.client-credentials":
            return JSON.parse('{"grant_type":"client_credentials","client_id":"{client_id}","client_secret":"{client_secret}"}');

          case "grants.token-exchange":
            return JSON.parse('{"grant_type":"urn:ietf:params:oauth:grant-type:token-exchange","subject_token":"{subject_token}"}');
        }
        throw new Error("api.json has no " + name);
    }, shapeOf = name => entry(`objects.${name}`);
    let plan;
    const parameter = (name, otherwise) => {
        const value = plan.load.parameters[name] ?? otherwise;
        if (typeof value != typeof otherwise) throw new Error(`parameter ${name} is ${value}, expected a ${typeof otherwise}`);
        return value;
    }, health = new metrics.Trend("chamiperf_health", !0), clock = {
        runs: !1
    };
    let watched = !1, iterationsWatched = Math.floor(4 * Math.random()), requestMs = 0;
    const spent = ({timings: timings}, tags) => {
        requestMs += timings.blocked + timings.duration, !watched || iterationsWatched % 4 > 0 || (health.add(timings.blocked, {
            ...tags,
            part: "blocked"
        }), health.add(timings.connecting, {
            ...tags,
            part: "connecting"
        }));
    }, template = (text, names) => {
        const {pieces: pieces, values: values} = cut(text, names), value = values[0];
        return 0 === values.length ? () => text : 1 === values.length ? once(pieces[0], value, pieces[1]) : 3 === values.length && values[1] === value && values[2] === value ? thrice(pieces, value) : (index, key) => {
            let filled = pieces[0];
            for (let i = 0; i < values.length; i += 1) filled += values[i](index, key) + pieces[i + 1];
            return filled;
        };
    }, once = (a, value, b) => (index, key) => `${a}${value(index, key)}${b}`, thrice = (pieces, value) => {
        const a = pieces[0], b = pieces[1], c = pieces[2], d = pieces[3];
        return (index, key) => {
            const v = value(index, key);
            return `${a}${v}${b}${v}${c}${v}${d}`;
        };
    }, cut = (text, names) => {
        const parts = text.split("{"), values = [], pieces = [];
        let piece = parts[0];
        for (let i = 1; i < parts.length; i += 1) {
            const end = parts[i].indexOf("}"), value = valueOf(parts[i].slice(0, Math.max(0, end)), names);
            value ? (pieces[values.length] = piece, values[values.length] = value, piece = parts[i].slice(end + 1)) : piece += `{${parts[i]}`;
        }
        return pieces[values.length] = piece, {
            pieces: pieces,
            values: values
        };
    }, valueOf = (placeholder, names) => {
        switch (placeholder) {
          case "key":
            return (_, key) => key ?? "";

          case "offset":
            return String;

          case "id":
          case "mac":
          case "mac_encoded":
          case "ip":
            return names[placeholder];

          default:
            return;
        }
    }, failed = new metrics.Counter("chamiperf_failed"), apart = new metrics.Counter("chamiperf_apart"), authorized = {
        "Content-Type": "application/json"
    }, OPEN = {
        "Content-Type": "application/json"
    };
    let gaveEvidence = !1;
    const endpoint = ({name: name, service: service, method: method, path: path, names: names, body: body, contains: contains = [], ...more}) => {
        const {open: open = !1, tolerates: tolerates = null, measured: measured = !0} = more, timeout = 1e3 * (plan.load.request_timeout_s ?? 30), withBody = "GET" !== method && "DELETE" !== method, texts = [];
        for (let i = 0; i < contains.length; i += 1) texts[i] = template(contains[i], names);
        return {
            name: name,
            service: service,
            method: method,
            url: template(plan.urls[service] + path, names),
            body: void 0 === body ? null : template(JSON.stringify(body), names),
            contains: texts,
            one: "GET" === method && 1 === texts.length ? texts[0] : null,
            tolerates: tolerates,
            params: {
                tags: {
                    name: name
                },
                timeout: timeout,
                ...open && !withBody ? {} : {
                    headers: open ? OPEN : authorized
                }
            }
        };
    }, {get: get, request: request$1} = http;
    __ENV.CHAMIPERF_PLAN ? http.setResponseCallback(null) : http.setResponseCallback(http.expectedStatuses(200, 201, 202, 204, 207));
    const call = (to, index, key, body) => {
        if (!to.one) {
            const response = send(to, index, key, body);
            return judge(to, response, index, key) ? response : null;
        }
        const response = get(to.url(index, key), to.params);
        return clock.runs && spent(response, to.params.tags), 200 === response.status && response.body?.includes(to.one(index, key)) || judge(to, response, index, key) ? response : null;
    }, send = (to, index, key, body) => {
        const {method: method, params: params} = to, url = to.url(index, key), response = "GET" === method ? get(url, params) : request$1(method, url, body ?? (to.body && to.body(index, key)), params);
        return clock.runs && spent(response, params.tags), response;
    }, judge = (to, response, index, key) => {
        const {status: status} = response;
        return 200 === status || status > 200 && status < 300 && "GET" !== to.method ? shows(to, response, index, key) || fail(to, response, "content") : (429 === status ? apart.add(1, {
            name: to.name,
            why: "throttled"
        }) : status === to.tolerates ? apart.add(1, {
            name: to.name,
            why: "tolerated"
        }) : fail(to, response, 401 === status || 403 === status ? "refused" : 0 === status ? "no_answer" : "status"), 
        !1);
    }, shows = ({contains: contains}, response, index, key) => {
        const body = contains.length > 0 ? response.body : "";
        for (let i = 0; i < contains.length; i += 1) if (!body || !body.includes(contains[i](index, key))) return !1;
        return !0;
    }, jsonOf = ({body: body}) => {
        try {
            return JSON.parse(body ?? "");
        } catch {
            return null;
        }
    }, fail = (to, response, why) => {
        if (failed.add(1, {
            name: to.name,
            why: why
        }), gaveEvidence) return !1;
        gaveEvidence = !0;
        const {status: status} = response, error = response.error || ("content" === why ? "wrong content" : `status ${status}`), body = (response.body ?? "").slice(0, 512);
        return console.warn(`chamiperf-failure ${JSON.stringify({
            endpoint: to.name,
            status: status,
            error: error,
            body: body
        })}`), !1;
    }, DEFAULT_TOKEN = "0123456789abcdef".repeat(4);
    let renewAt = 0;
    const authorize = shared => {
        Date.now() < renewAt || (isRequested() ? renewAt > 0 || !shared ? adopt(request()) : (adopt(shared), 
        authorize(null)) : bear(fixedToken(), 1 / 0));
    }, isRequested = () => "client-credentials" === plan.credential || "dev-mode" === plan.credential, fixedToken = () => "internal-token" === plan.credential ? __ENV.CHAMICORE_INTERNAL_TOKEN ?? DEFAULT_TOKEN : "bearer" === plan.credential ? __ENV.CHAMIPERF_TOKEN : void 0, bear = (token, until) => {
        void 0 !== token && (authorized.Authorization = `Bearer ${token}`), renewAt = until;
    }, adopt = shared => {
        shared ? bear(shared.token, shared.at + 1e3 * shared.life_s * (.6 + Math.random() * (.9 - .6))) : renewAt = Date.now() + 1e3;
    }, request = () => {
        const response = http.post(plan.urls.auth + entry("routes.token").path, grantBody(plan.credential), {
            headers: {
                "Content-Type": "application/json"
            },
            tags: {
                name: "credential"
            }
        });
        if (200 !== response.status && 201 !== response.status) return null;
        const {access_token: token, expires_in: life} = jsonOf(response) ?? {};
        return "string" == typeof token ? {
            token: token,
            life_s: life ?? lifeOf(token),
            at: Date.now()
        } : null;
    }, lifeOf = token => {
        try {
            const claims = JSON.parse(encoding.b64decode(token.split(".")[1], "rawurl", "s"));
            return "number" == typeof claims.exp ? claims.exp - Date.now() / 1e3 : 900;
        } catch {
            return 900;
        }
    }, grantBody = (grant, account = {}) => {
        const secrets = {
            client_id: account.id ?? __ENV.CHAMIPERF_CLIENT_ID,
            client_secret: account.secret ?? __ENV.CHAMIPERF_CLIENT_SECRET,
            subject_token: __ENV.CHAMIPERF_SUBJECT_TOKEN
        }, fields = Object.entries((name = grant, entry(`grants.${name}`))).map(([name, value]) => [ name, name in secrets ? secrets[name] ?? "" : value ]);
        var name;
        return JSON.stringify(Object.fromEntries(fields));
    }, BUSY = [ 429, 502, 503, 504 ], objects = new metrics.Counter("chamiperf_objects"), REQUESTS = {
        create: ({path: path, body: body}) => ({
            method: "POST",
            path: path,
            body: body
        }),
        find: ({path: path, find: find}) => ({
            method: "GET",
            path: path + find
        }),
        get: ({path: path, get: get, mark: mark}, one) => ({
            method: "GET",
            path: void 0 === get ? one : path + get,
            contains: mark
        }),
        change: ({change: change}, one) => ({
            method: "PATCH",
            path: one,
            body: change
        }),
        patch: ({body: body, patch: patch = []}, one) => ({
            method: "PATCH",
            path: one,
            body: pick(body, patch)
        }),
        put: ({body: body, mark: mark}, one) => ({
            method: "PUT",
            path: one,
            body: body,
            contains: mark
        }),
        delete: (_, one) => ({
            method: "DELETE",
            path: one
        })
    }, pick = (body, fields) => Object.fromEntries(fields.map(field => [ field, body[field] ]));
    class Kind {
        constructor(name, names, measured, tolerates) {
            const {kind: kind, key: key, patch: patch = []} = shapeOf(name);
            this.name = name, this.names = names, this.measured = measured, this.tolerates = tolerates, 
            this.ours = void 0 !== key, this.yields = patch.length > 0, this.tags = {
                created: {
                    kind: kind,
                    what: "created"
                },
                resolved: {
                    kind: kind,
                    what: "resolved"
                },
                failed: {
                    kind: kind,
                    what: "failed"
                },
                removed: {
                    kind: kind,
                    what: "removed"
                }
            }, this.made = {};
        }
        to(verb) {
            return this.made[verb] ??= this.endpoint(verb);
        }
        toGetChanged() {
            return this.made.changed ??= this.endpoint("get", {
                contains: shapeOf(this.name).changed
            });
        }
        endpoint(verb, more) {
            const shape = shapeOf(this.name), request = REQUESTS[verb](shape, `${shape.path}/${shape.key ?? "{key}"}`), of = {
                name: `${this.name}-${verb}`,
                measured: this.measured.includes(verb),
                tolerates: this.tolerates[verb]
            };
            return endpoint({
                ...of,
                service: shape.service,
                names: this.names,
                ...request,
                ...more
            });
        }
    }
    const kindOf = (name, names, measured = [], tolerates = {}) => new Kind(name, names, measured, tolerates), stored = (kind, index, response) => {
        if (409 === response.status) {
            const settled = settle(kind, index);
            return objects.add(1, settled ? kind.tags.resolved : kind.tags.failed), settled;
        }
        const good = judge(kind.to("create"), response, index);
        return objects.add(1, good ? kind.tags.created : kind.tags.failed), good;
    }, settle = (kind, index) => {
        const key = kind.ours ? "" : keysOf(kind, index)?.[0];
        if (void 0 === key || !kind.yields) return !1;
        const patched = patiently(() => send(kind.to("patch"), index, key));
        if (400 !== patched.status) return judge(kind.to("patch"), patched, index, key);
        const found = send(kind.to("get"), index, key);
        return !!judge(kind.to("get"), found, index, key) && judge(kind.to("put"), sendIfMatch(kind.to("put"), index, key, found.headers.Etag), index, key);
    }, sendIfMatch = (put, index, key, etag) => {
        const {headers: headers} = put.params;
        put.params.headers = {
            ...headers,
            "If-Match": etag
        };
        const response = send(put, index, key);
        return put.params.headers = headers, response;
    }, keysOf = (kind, index, answer) => {
        const response = answer ?? patiently(() => send(kind.to("find"), index));
        if (!judge(kind.to("find"), response, index)) return null;
        const items = jsonOf(response)?.items;
        return Array.isArray(items) ? items.map(item => item?.metadata?.id).filter(id => "string" == typeof id) : (fail(kind.to("find"), response, "content"), 
        null);
    }, removed = (kind, index, key, response) => {
        if (404 === response.status) return !0;
        const good = judge(kind.to("delete"), response, index, key);
        return objects.add(1, good ? kind.tags.removed : kind.tags.failed), good;
    }, patiently = request => {
        let response = request();
        for (let tried = 1; tried < 4 && BUSY.includes(response.status); tried += 1) k6.sleep(.1 * 2 ** tried * (.5 + Math.random())), 
        response = request();
        return response;
    };
    function each(items, request, receive, credential, atOnce = 64) {
        for (let first = 0; first < items.length; first += atOnce) {
            authorize(credential);
            const some = items.slice(first, first + atOnce), requests = some.map(item => {
                const [to, index, key, body] = request(item);
                return {
                    method: to.method,
                    url: to.url(index, key),
                    body: body ?? (to.body && to.body(index, key)),
                    params: to.params
                };
            }), answers = http.batch(requests);
            some.forEach((item, i) => {
                clock.runs && spent(answers[i], requests[i].params.tags), receive(item, answers[i]);
            });
        }
    }
    function storeEach(kind, nodes, credential, atOnce) {
        each(nodes, node => [ kind.to("create"), node ], (node, answer) => stored(kind, node, answer), credential, atOnce);
    }
    function removeEach(kind, nodes, credential) {
        const found = kind.ours ? nodes.map(node => ({
            node: node,
            key: ""
        })) : [];
        kind.ours || each(nodes, node => [ kind.to("find"), node ], (node, answer) => keysOf(kind, node, answer)?.forEach(key => found.push({
            node: node,
            key: key
        })), credential), each(found, ({node: node, key: key}) => [ kind.to("delete"), node, key ], ({node: node, key: key}, answer) => removed(kind, node, key, answer), credential);
    }
    const HEX = "0123456789abcdef", macsOf = (hash, colon) => {
        const head = `02${colon}${hash.slice(0, 2)}${colon}${hash.slice(2, 4)}${colon}${hash[4]}`;
        return i => `${head}${HEX[i >>> 16]}${colon}${HEX[i >>> 12 & 15]}${HEX[i >>> 8 & 15]}${colon}${HEX[i >>> 4 & 15]}${HEX[15 & i]}`;
    }, addressesOf = network => {
        let first = 0, usable = 0;
        return index => {
            if (0 === usable) {
                const [base, bits] = network.split("/");
                first = base.split(".").reduce((sum, octet) => 256 * sum + Number(octet), 0) + 1, 
                usable = 2 ** (32 - Number(bits)) - 2;
            }
            const address = first + index % usable;
            return `${address >>> 24}.${address >>> 16 & 255}.${address >>> 8 & 255}.${255 & address}`;
        };
    }, namesOf = (runId, network) => {
        const hash = (value = (runId => {
            let hash = 2166136261;
            for (let i = 0; i < runId.length; i += 1) hash = Math.imul(hash ^ runId.charCodeAt(i), 16777619) >>> 0;
            return 1048575 & (hash ^ hash >>> 20);
        })(runId), (1048576 | value).toString(16).slice(1));
        var value;
        const prefix = `chamiperf-${runId}-`;
        return {
            id: index => prefix + index,
            mac: macsOf(hash, ":"),
            mac_encoded: macsOf(hash, "%3A"),
            ip: addressesOf(network)
        };
    }, written = () => namesOf(plan.identities.written_run_id, plan.identities.network);
    let ofSubnet = "", asksForSubnet = !1;
    function reservations(kea) {
        const response = call(kea, 0, void 0, asksForSubnet ? ofSubnet : void 0), found = response && (answers => {
            const answer = Array.isArray(answers) ? answers[0] : answers;
            if (!answer || 0 !== answer.result && 3 !== answer.result) return null;
            const all = answer.arguments?.reservations ?? answer.arguments?.hosts ?? [];
            return new Map(all.flatMap(({"hw-address": mac, "ip-address": ip = ""}) => mac ? [ [ mac.toLowerCase(), ip ] ] : []));
        })(jsonOf(response));
        if (!response || found) return found;
        if (asksForSubnet) return fail(kea, response, "content"), null;
        asksForSubnet = !0;
        const again = reservations(kea);
        return asksForSubnet = null !== again, again;
    }
    function write(some, keys, credential) {
        const started = Date.now(), made = [];
        return each(some, ({to: to, node: node, body: body}) => [ to, node, keys[node], body ], (change, answer) => {
            const at = started + answer.timings.blocked + answer.timings.duration;
            change.judged(answer) && made.push({
                change: change,
                at: at
            });
        }, credential, 64), made;
    }
    plan = (name => {
        const file = __ENV.CHAMIPERF_PLAN;
        if (!file) {
            const {planByHand: planByHand} = require("./by_hand.js");
            return planByHand(name);
        }
        const {format: format, format_version: version, ...given} = JSON.parse(open(file));
        if ("chamiperf-plan" !== format || 1 !== version) throw new Error(`${file} is ${format} version ${version}, expected chamiperf-plan version 1`);
        if (given.scenario !== name) throw new Error(`${file} is for ${given.scenario}, this is ${name}`);
        return given;
    })("dhcp_sync_burst"), ((phases, planned) => {
        for (let i = 0; i < phases.length; i += 1) {
            const {name: name, iterations: iterations, duration_s: duration} = phases[i];
            if ("sustained" === name) return iterations ? planned ?? 0 : planned ?? (duration < 120 ? 10 : 20);
        }
    })(plan.load.phases, plan.load.windows);
    const CHANGES = parameter("changes", 1e4), POLL_S = parameter("poll_s", 1);
    parameter("settle_s", 90);
    const WAIT_S = parameter("wait_s", 300);
    parameter("sync_interval_s", 0);
    const KEA = (subnetId => {
        const request = entry("kea");
        return ofSubnet = JSON.stringify({
            ...request.body,
            arguments: {
                "subnet-id": subnetId
            }
        }), endpoint({
            name: "kea-read",
            service: "kea",
            method: "POST",
            open: !0,
            names: namesOf(plan.identities.run_id, plan.identities.network),
            ...request
        });
    })(parameter("subnet_id", 1)), interfaces = ((first, count) => {
        const {mac: mac, ip: ip} = written(), component = kindOf("component", written()), kind = kindOf("interface", written(), [ "create", "patch", "delete" ]), nodes = ((first, count) => Array.from({
            length: count
        }, (_, i) => first + i))(first, count), [create, patch, remove] = [ kind.to("create"), kind.to("patch"), kind.to("delete") ], kinds = [ node => ({
            to: create,
            body: null,
            shows: kea => kea.get(mac(node)) === ip(node),
            judged: answer => stored(kind, node, answer)
        }), (node, other) => ({
            to: patch,
            body: JSON.stringify({
                macAddr: mac(other)
            }),
            shows: kea => kea.has(mac(other)) && !kea.has(mac(node)),
            judged: answer => judge(patch, answer, node)
        }), (node, other) => ({
            to: patch,
            body: JSON.stringify({
                ipAddrs: [ ip(other) ]
            }),
            shows: kea => kea.get(mac(node)) === ip(other),
            judged: answer => judge(patch, answer, node)
        }), node => ({
            to: remove,
            body: null,
            shows: kea => !kea.has(mac(node)),
            judged: answer => removed(kind, node, "", answer)
        }) ], changes = nodes.map((node, i) => ({
            node: node,
            ...kinds[i % kinds.length](node, node + count)
        })), before = changes.filter(({to: to}) => to !== create).map(({node: node}) => node);
        return {
            changes: changes,
            settle(kea, credential, longest, poll) {
                if (!plan.urls.kea) return "no URL is given";
                if (!reservations(kea)) return "it gives no list of reservations";
                storeEach(component, nodes, credential), storeEach(kind, before, credential);
                const until = Date.now() + 1e3 * longest;
                for (;;) {
                    const known = reservations(kea), unknown = before.filter(node => known?.get(mac(node)) !== ip(node)).length;
                    if (0 === unknown) return "";
                    if (Date.now() > until) return `after ${longest} s it does not know ${unknown} of ${before.length} interfaces`;
                    k6.sleep(poll);
                }
            },
            keys(credential) {
                const found = {};
                return each(before, node => [ kind.to("find"), node ], (node, answer) => Object.assign(found, {
                    [node]: keysOf(kind, node, answer)?.[0]
                }), credential), found;
            },
            cleanUp(credential) {
                removeEach(kind, nodes, credential), removeEach(component, nodes, credential);
            }
        };
    })(plan.identities.nodes, CHANGES), propagation = ((name, resolution, {compared: compared = !0} = {}) => {
        const metric = `chamiperf_${name.split(" ").join("_")}`;
        return new metrics.Trend(metric, !0);
    })("propagation to Kea"), period = new metrics.Trend("chamiperf_poll_period", !0), made = new metrics.Counter("chamiperf_changes_made"), {options: options, setup: setup, teardown: teardown, handleSummary: handleSummary} = {};
    exports.burst = ({keys: keys, credential: credential}) => {
        if (!keys) return;
        (() => {
            const {tags: tags} = exec.vu.metrics;
            tags.phase = "sustained", delete tags.window;
        })(), clock.runs = !0, watched = !0, iterationsWatched = 0;
        const watch = ((kea, propagation, period) => {
            let unseen = [], last = Date.now();
            return {
                add(made) {
                    unseen.push(...made);
                },
                left: () => unseen.length,
                sinceLook: () => (Date.now() - last) / 1e3,
                look() {
                    const found = reservations(kea), now = Date.now();
                    if (period.add(now - last), last = now, !found) return;
                    const [seen, still] = [ !0, !1 ].map(shown => unseen.filter(({change: change}) => change.shows(found) === shown));
                    for (const {at: at} of seen) propagation.add(now - at);
                    unseen = still;
                }
            };
        })(KEA, propagation, period);
        for (let done = 0; done < CHANGES; done += 64) {
            const written = write(interfaces.changes.slice(done, done + 64), keys, credential);
            made.add(written.length), watch.add(written), watch.sinceLook() >= POLL_S && watch.look();
        }
        const until = Date.now() + 1e3 * WAIT_S;
        for (;watch.left() > 0 && Date.now() < until; ) k6.sleep(Math.max(0, POLL_S - watch.sinceLook())), 
        watch.look();
    }, exports.handleSummary = handleSummary, exports.options = options, exports.setup = setup, 
    exports.teardown = teardown;
})();
