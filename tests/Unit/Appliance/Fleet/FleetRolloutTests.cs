// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Capbox.Fleet;
using Capbox.Health;
using Xunit;

namespace Capbox.Tests;

/// <summary>A change going from box to box, with boxes that refuse, take back, fall silent, die, come back and speak out of turn; time is made by the tests.</summary>
public class FleetRolloutTests
{
    private const string Id = "job";
    private readonly Dictionary<string, FleetBox> _heard = [];
    private readonly List<string> _did = [];
    private long _nowMs;
    private Rollout _rollout = null!;

    /// <summary>Boxes a, b, c, ... that are ready, at revision 5 and version 5.</summary>
    private void Begin(int count, RolloutOptions? options = null, bool needsNewSession = false)
    {
        string[] devices = [.. Enumerable.Range(0, count).Select(i => ((char)('a' + i)).ToString())];
        foreach (string device in devices)
            _heard[device] = new FleetBox(device) { State = "ready", Session = "1", Report = Report("old", "applied", 5, 5), Health = new BoxHealth(HealthLevel.Ok, []) };
        _rollout = new Rollout(options ?? new RolloutOptions { Id = Id, First = 1, Batch = 2 }, devices.Select(d => new RolloutBox(d, needsNewSession, 5)), d => _heard.GetValueOrDefault(d));
        Pass(0);
    }

    private static BoxReport Report(string id, string status, long version, long revision, params string[] errors) => new(version, id, version, status, revision, errors, [], null);

    private void Pass(long milliseconds)
    {
        _nowMs += milliseconds;
        foreach (RolloutAction action in _rollout.Step(_nowMs))
            _did.Add(action.Kind == RolloutActionKind.Send ? string.Create(CultureInfo.InvariantCulture, $"send {action.Device} {action.Id} v{action.Version} from {action.Base}") : $"{action.Kind.ToString().ToLowerInvariant()} {action.Device} {action.Id}");
    }

    private void Hear(string device, Func<FleetBox, FleetBox> change)
    {
        _heard[device] = change(_heard[device]);
        _rollout.Heard(device, _nowMs);
    }

    private void Says(string device, string status, long revision = 6, string id = Id, params string[] errors) => Hear(device, b => b with { Report = Report(id, status, 6, revision, errors) });

    private void Is(string device, string state, string session = "1") => Hear(device, b => b with { State = state, Session = session });

    private string Did()
    {
        string done = string.Join("; ", _did);
        _did.Clear();
        return done;
    }

    private void Expect(string states) => Assert.Equal(states, string.Join(' ', _rollout.Boxes.Select(b => $"{b.Device}:{b.State}")));

    [Fact]
    public void One_goes_first_then_some_at_a_time()
    {
        Begin(4);
        Assert.Equal("send a job v6 from 5", Did());
        Pass(1000);
        Assert.Equal("", Did());
        Says("a", "applied");
        Pass(0);
        Pass(0);
        Assert.Equal("send b job v6 from 5; send c job v6 from 5", Did());
        Says("c", "applied");
        Pass(10);
        Assert.Equal("", Did()); // The stage is not over.
        Says("b", "applied");
        Pass(10);
        Pass(10);
        Assert.Equal("send d job v6 from 5", Did());
        Says("d", "applied");
        Pass(10);
        Assert.True(_rollout.IsOver);
        Assert.Null(_rollout.Stopped);
        Expect("a:Done b:Done c:Done d:Done");
    }

    [Fact]
    public void Between_stages_there_is_the_pause_and_each_box_has_its_watch()
    {
        Begin(2, new RolloutOptions { Id = Id, SoakMs = 5_000, PauseMs = 3_000 });
        Did();
        Pass(1000);
        Says("a", "applied");
        Pass(4_999);
        Expect("a:Soaking b:Waiting");
        Pass(1);
        Expect("a:Done b:Waiting");
        Pass(2_999);
        Assert.Equal("", Did());
        Pass(1);
        Assert.Equal("send b job v6 from 5", Did());
    }

    [Theory]
    [InlineData("rejected", "Rejected")]
    [InlineData("rolled-back", "RolledBack")]
    public void The_first_that_has_it_not_ends_it_and_those_under_way_are_followed(string status, string expected)
    {
        Begin(5);
        Says("a", "applied");
        Pass(0);
        Pass(0);
        Did();
        Says("b", status, status == "rejected" ? 5 : 7, errors: "$.ports[0]: not here");
        Pass(10);
        Assert.Equal("withdraw b job", Did());
        Assert.False(_rollout.IsOver);
        Says("c", "applied");
        Pass(10);
        Pass(10);
        Assert.Equal("", Did());
        Assert.True(_rollout.IsOver);
        Assert.Equal($"b {status}: $.ports[0]: not here", _rollout.Stopped);
        Expect($"a:Done b:{expected} c:Done d:Waiting e:Waiting");
    }

    [Fact]
    public void A_box_that_takes_it_back_while_it_is_watched_has_it_not()
    {
        Begin(2, new RolloutOptions { Id = Id, SoakMs = 60_000 });
        Says("a", "applied");
        Pass(30_000);
        Says("a", "rolled-back", 7, errors: "$: port eth2 lost 3 packets");
        Pass(0);
        Assert.Equal("a rolled-back: $: port eth2 lost 3 packets", _rollout.Stopped);
        Expect("a:RolledBack b:Waiting");
    }

    [Fact]
    public void A_trial_is_confirmed_once_the_box_is_back_and_again_until_it_is_heard()
    {
        Begin(1, needsNewSession: true);
        Did();
        Says("a", "pending-confirm");
        Pass(100);
        Assert.Equal("", Did()); // It speaks over the connection that it is about to leave.
        Is("a", "disconnected");
        Pass(3_000);
        Is("a", "init", "2");
        Pass(10);
        Assert.Equal("", Did());
        Is("a", "ready", "2");
        Pass(10);
        Assert.Equal("confirm a job", Did());
        Pass(4_000);
        Assert.Equal("", Did());
        Pass(1_000);
        Assert.Equal("confirm a job", Did());
        Says("a", "applied");
        Pass(0);
        Expect("a:Done");
    }

    [Fact]
    public void A_trial_that_is_about_nothing_of_the_connection_is_confirmed_at_once()
    {
        Begin(1);
        Did();
        Says("a", "pending-confirm");
        Pass(0);
        Assert.Equal("confirm a job", Did());
    }

    [Fact]
    public void The_order_of_state_and_report_does_not_matter()
    {
        Begin(1, needsNewSession: true);
        Did();
        Is("a", "disconnected");
        Is("a", "init", "2");
        Is("a", "ready", "2");
        Says("a", "pending-confirm");
        Pass(0);
        Assert.Equal("confirm a job", Did());
    }

    [Fact]
    public void A_box_that_is_not_back_takes_its_trial_back_by_itself()
    {
        Begin(2, new RolloutOptions { Id = Id, PatienceMs = 30_000 }, needsNewSession: true);
        Says("a", "pending-confirm");
        Is("a", "disconnected");
        Pass(29_000);
        Is("a", "ready", "2");
        Says("a", "rolled-back", 7, errors: "$: it was not confirmed within 25 s");
        Pass(0);
        Expect("a:RolledBack b:Waiting");
    }

    [Fact]
    public void A_box_that_hears_no_confirmation_is_told_as_such()
    {
        Begin(1, new RolloutOptions { Id = Id, PatienceMs = 12_000 });
        Says("a", "pending-confirm");
        for (int i = 0; i < 12; i++)
            Pass(1_000);
        Expect("a:Silent");
        Assert.Contains("takes the change back by itself", _rollout.Boxes[0].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Silence_ends_it_and_takes_the_document_from_the_broker()
    {
        Begin(3);
        Did();
        Pass(59_999);
        Assert.Equal("", Did());
        Pass(1);
        Pass(0);
        Assert.Equal("withdraw a job", Did());
        Assert.True(_rollout.IsOver);
        Expect("a:Silent b:Waiting c:Waiting");
    }

    [Fact]
    public void A_box_that_dies_is_lost_after_a_while_and_one_that_comes_back_goes_on()
    {
        Begin(2, new RolloutOptions { Id = Id, First = 2 });
        Is("a", "lost");
        Is("b", "lost");
        Pass(50_000);
        Is("b", "init", "2");
        Says("b", "applied");
        Is("b", "ready", "2");
        Pass(9_999);
        Expect("a:Sent b:Done");
        Pass(1);
        Expect("a:Lost b:Done");
    }

    [Fact]
    public void A_box_that_reboots_while_it_is_watched_must_be_back_to_be_done()
    {
        Begin(1, new RolloutOptions { Id = Id, SoakMs = 5_000 });
        Says("a", "applied");
        Is("a", "lost");
        Pass(30_000);
        Expect("a:Soaking");
        Is("a", "ready", "2");
        Pass(0);
        Expect("a:Done");
    }

    [Fact]
    public void What_comes_twice_late_or_from_before_changes_nothing()
    {
        Begin(2);
        Did();
        Says("a", "applied", 5, id: "old"); // retained, once more
        Says("a", "rejected", 5, id: "older");
        Pass(0);
        Expect("a:Sent b:Waiting");
        Says("a", "applied");
        Says("a", "applied");
        Pass(0);
        Pass(0);
        Assert.Equal("send b job v6 from 5", Did());
        Says("a", "rolled-back", 7); // its turn is over; told by status
        Expect("a:Done b:Sent");
        Says("b", "applied");
        Says("b", "pending-confirm");
        Pass(0);
        Assert.Equal("", Did());
        Expect("a:Done b:Done");
    }

    [Fact]
    public void Somebody_else_at_the_same_box_is_noticed()
    {
        Begin(2, new RolloutOptions { Id = Id, SoakMs = 5_000 });
        Did();
        Says("a", "applied");
        Says("a", "rejected", 6, id: "theirs"); // refused: nothing changed
        Pass(100);
        Expect("a:Soaking b:Waiting");
        Says("a", "applied", 7, id: "theirs");
        Pass(0);
        Expect("a:Changed b:Waiting");
        Assert.Equal("a changed: somebody else changed it (id \"theirs\")", _rollout.Stopped);
        Assert.Equal("", Did()); // What lies at the broker may be theirs.
    }

    [Fact]
    public void The_version_is_above_all_that_were_proposed_not_only_above_the_last()
    {
        _heard["a"] = new FleetBox("a") { State = "ready", Session = "1", Report = Report("old", "rejected", 5, 3, "$.version: too low") with { HighestVersion = 90 }, Health = new BoxHealth(HealthLevel.Ok, []) };
        _rollout = new Rollout(new RolloutOptions { Id = Id }, [new RolloutBox("a", false, 3)], d => _heard[d]);
        Pass(0);
        Assert.Equal("send a job v91 from 3", Did());
    }

    [Fact]
    public void A_version_that_was_used_up_is_chosen_again_once()
    {
        Begin(1);
        Did();
        void UsedUp(string id, long version, long highest) => Hear("a", b => b with { Report = Report(id, "rejected", version, 5, "$.version: too low") with { HighestVersion = highest } });
        UsedUp(Id, 6, 6);
        Pass(0);
        Assert.Equal("send a job-2 v7 from 5", Did());
        UsedUp("job-2", 7, 50);
        Pass(0);
        Expect("a:Rejected");
    }

    /// <summary>Its document was made from the revision before: it would undo the other change.</summary>
    [Fact]
    public void A_box_that_somebody_changed_before_its_turn_is_not_overwritten()
    {
        Begin(3);
        Did();
        Hear("b", b => b with { Report = Report("theirs", "applied", 6, 6) });
        Says("a", "applied");
        Pass(0);
        Pass(0);
        Expect("a:Done b:Changed c:Waiting");
        Assert.Equal("", Did());
        Assert.Equal("b changed: somebody else changed it since this change was made (id \"theirs\")", _rollout.Stopped);
    }

    [Fact]
    public void Nor_one_where_another_version_came_first_and_was_taken()
    {
        Begin(1);
        Did();
        Hear("a", b => b with { Report = Report(Id, "rejected", 6, 6, "$.version: 6 is not above 6") });
        Pass(0);
        Expect("a:Changed");
        Assert.Equal("", Did());
    }

    [Fact]
    public void A_box_that_is_not_ready_when_its_turn_comes_is_passed_over_and_is_no_first()
    {
        Begin(4);
        Did();
        _heard["b"] = _heard["b"] with { State = "lost" };
        Says("a", "applied");
        Pass(0);
        Pass(0);
        Assert.Equal("send c job v6 from 5; send d job v6 from 5", Did());
        Expect("a:Done b:NotReady c:Sent d:Sent");

        foreach (string device in new[] { "a", "b" })
            _heard[device] = _heard[device] with { State = "lost" };
        _rollout = new Rollout(new RolloutOptions { Id = "again" }, [.. "abcd".Select(d => new RolloutBox(d.ToString(), false, 5))], d => _heard[d]);
        Pass(0);
        Assert.Equal("send c again v6 from 5", Did());
    }

    [Fact]
    public void Stopped_by_hand_no_box_is_begun_and_those_under_way_are_followed()
    {
        Begin(3);
        Did();
        _rollout.Stop("interrupted");
        Pass(0);
        Assert.False(_rollout.IsOver);
        Says("a", "pending-confirm");
        Pass(0);
        Assert.Equal("confirm a job", Did());
        Says("a", "applied");
        Pass(0);
        Pass(0);
        Assert.True(_rollout.IsOver);
        Expect("a:Done b:Waiting c:Waiting");
    }

    [Fact]
    public void Worse_health_is_told_and_ends_it_where_that_is_asked_for()
    {
        foreach (bool isAsked in new[] { false, true })
        {
            Begin(2, new RolloutOptions { Id = Id, SoakMs = 1_000, StopOn = isAsked ? new HashSet<RolloutState> { RolloutState.Worse } : RolloutOptions.DefaultStopOn });
            Did();
            Says("a", "applied");
            Hear("a", b => b with { Health = new BoxHealth(HealthLevel.Warning, [new BoxAlarm("clock-state", HealthLevel.Warning, "", "the clock is free")]) });
            Pass(1_000);
            Pass(0);
            Assert.Equal(isAsked ? "" : "send b job v6 from 5", Did());
            Assert.Equal((RolloutState.Worse, "clock-state: the clock is free", true), (_rollout.Boxes[0].State, _rollout.Boxes[0].Detail, _rollout.Boxes[0].HasIt));
        }
    }

    [Fact]
    public void Time_in_which_nothing_could_be_heard_is_no_boxs_fault()
    {
        Begin(1);
        Pass(59_000);
        _nowMs += 50_000; // the broker was away
        _rollout.Excuse(50_000);
        Pass(0);
        Expect("a:Sent");
        Pass(1_000);
        Expect("a:Silent");
    }

    /// <summary>Boxes that do anything in any order: it ends, never asks for what is not its own, and what it calls done said so.</summary>
    [Fact]
    public void Whatever_the_boxes_do_it_ends()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            _heard.Clear();
            Begin(6, new RolloutOptions { Id = Id, Batch = 3, SoakMs = 2_000, PatienceMs = 10_000, StopOn = seed % 2 == 0 ? RolloutOptions.DefaultStopOn : new HashSet<RolloutState>() }, needsNewSession: seed % 3 == 0);
            string[] statuses = ["applied", "pending-confirm", "rejected", "rolled-back"], states = ["ready", "init", "lost", "disconnected"];
            HashSet<string> applied = [];
            int steps = 0;
            while (!_rollout.IsOver && ++steps < 2_000)
            {
                string device = ((char)('a' + random.Next(6))).ToString();
                if (random.Next(3) == 0)
                    Is(device, states[random.Next(states.Length)], random.Next(1, 4).ToString(CultureInfo.InvariantCulture));
                else if (random.Next(4) == 0 && _rollout.Boxes.Single(b => b.Device == device).State != RolloutState.Waiting)
                {
                    string status = statuses[random.Next(statuses.Length)];
                    if (status == "applied")
                        applied.Add(device);
                    Says(device, status, random.Next(5, 8), random.Next(5) == 0 ? "theirs" : Id);
                }

                Pass(random.Next(500));
            }

            Assert.True(_rollout.IsOver, $"seed {seed} does not end");
            Assert.All(_rollout.Boxes.Where(b => b.State is RolloutState.Done), b => Assert.Contains(b.Device, applied));
            Assert.All(_rollout.Boxes, b => Assert.False(b.IsUnderWay));
            Did();
        }
    }
}
