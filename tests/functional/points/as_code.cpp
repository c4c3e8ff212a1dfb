// Points 21 to 26: an org as a document. The org is one of its own, so that the others' stays as it is.

#include <fmt/format.h>

#include <array>

#include "tests/functional/points/point.h"

namespace govctl::test {
namespace {

using Words = std::vector<std::string>;
constexpr auto code_secret = "sk-code-0123456789abcdef";

std::string document(const PointWorld& w) { return w.file("coded.yaml"); }

// An org with something of each kind, and its document.
std::string prepared(PointWorld& w) {
  if (!w.knows("export") || !w.knows("plan") || !w.knows("apply")) return "there is no export, plan or apply";
  if (w.daemon.control("GET", "/orgs/coded").status != 200) {
    w.daemon.make_org("coded");
    w.daemon.make_agent("coded/prod/support/triage");
    w.daemon.policy("coded/prod", {{"rpm", 60}});
    w.daemon.budget("coded", 1000, {{"period", "DAILY"}});
    w.daemon.expect(201, "POST", "/orgs/coded/credentials", {{"provider", "openai"}, {"secret", code_secret}});
  }
  const Ended ended = w.ctl({"export", "coded", "-f", document(w)});
  return ended.code == 0 && has(content_of(document(w)), "triage") ? "" : because("export", ended);
}

void set_rpm(PointWorld& w, int rpm) {
  const Json policies = w.daemon.get("/policies?path=coded")["items"];
  w.daemon.expect(200, "PATCH", "/policies/" + policies[0]["id"].get<std::string>(), {{"rpm", rpm}});
}

std::string ends(PointWorld& w, const Words& words, int code, const std::string& part = {}) {
  const Ended ended = w.ctl(words, {.env = {{"OPENAI_API_KEY", code_secret}}});
  if (ended.code == code && has(ended.out + ended.err, part)) return {};
  return because(fmt::format("{} (wanted exit {} and '{}')", fmt::join(words, " "), code, part), ended);
}

std::string plan_codes(PointWorld& w) {
  if (auto why = prepared(w); !why.empty()) return why;
  if (auto why = ends(w, {"plan", "-f", document(w)}, 0, "No changes"); !why.empty()) return why;
  set_rpm(w, 77);
  return ends(w, {"plan", "-f", document(w)}, 2, "rpm");
}

std::string apply_twice(PointWorld& w) {
  if (auto why = prepared(w); !why.empty()) return why;
  set_rpm(w, 78);
  if (auto why = ends(w, {"apply", "-f", document(w), "-y"}, 0); !why.empty()) return why;
  return ends(w, {"apply", "-f", document(w), "-y"}, 0, "No changes");
}

std::string export_then_apply(PointWorld& w) {
  if (auto why = prepared(w); !why.empty()) return why;
  return ends(w, {"apply", "-f", document(w), "-y"}, 0, "No changes");
}

std::string stale_plan_refused(PointWorld& w) {
  if (auto why = prepared(w); !why.empty()) return why;
  set_rpm(w, 79);
  const std::string plan = w.file("coded.plan");
  if (auto why = ends(w, {"plan", "-f", document(w), "--out", plan}, 2); !why.empty()) return why;
  set_rpm(w, 80);
  if (auto why = ends(w, {"apply", "-f", plan, "-y"}, 7); !why.empty()) return why;
  return w.daemon.get("/policies?path=coded")["items"][0]["rpm"] == 80 ? ""
                                                                       : "a refused plan changed something";
}

std::string diff_masks(PointWorld& w) {
  if (auto why = prepared(w); !why.empty()) return why;
  set_rpm(w, 81);
  std::string all = content_of(document(w));
  for (const auto* verb : {"plan", "diff", "apply"}) {
    const Ended ended = w.ctl({verb, "-f", document(w), "-y", "-v", "--print-curl"},
                              {.env = {{"OPENAI_API_KEY", code_secret}}});
    if (ended.code != 0 && ended.code != 2) return because(verb, ended);
    all += ended.out + ended.err;
  }
  return has(all, code_secret) ? "a secret is shown" : "";
}

std::string no_prune_no_deletion(PointWorld& w) {
  if (auto why = prepared(w); !why.empty()) return why;
  w.daemon.make_agent("coded/prod/support/later");
  if (auto why = ends(w, {"apply", "-f", document(w), "-y"}, 0); !why.empty()) return why;
  return w.daemon.control("GET", "/agents/" + percent("coded/prod/support/later")).status == 200
             ? ""
             : "what the document lacks was deleted";
}

constexpr std::array points{Point{21, "plan exits 0 without changes, 2 with", plan_codes},
                            Point{22, "a second apply says No changes", apply_twice},
                            Point{23, "export, then apply: No changes", export_then_apply},
                            Point{24, "a stale plan is refused", stale_plan_refused},
                            Point{25, "plan, diff and apply show no secret", diff_masks},
                            Point{26, "apply without --prune deletes nothing", no_prune_no_deletion}};

}  // namespace

std::span<const Point> as_code_points() { return points; }

}  // namespace govctl::test
