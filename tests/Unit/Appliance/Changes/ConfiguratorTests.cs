// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Capbox.Changes;
using Capbox.Config;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Timing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests;

/// <summary>Changes of a running box: what is refused, on trial, confirmed, taken back, and what the next start finds wherever the box dies.</summary>
public sealed class ConfiguratorTests : IDisposable
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"capbox-config-{Guid.NewGuid():N}");
    private readonly FakeClocks _clocks = new();
    private readonly Box _box = new();
    private ConfigStore _store;
    private Configurator _configurator;

    public ConfiguratorTests()
    {
        _store = ConfigStore.Open(_directory, Utf8(Document("a")));
        _configurator = NewConfigurator();
    }

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>FAKE: a box that does what it is told and shows what a test says.</summary>
    private sealed class Box : IRunningBox
    {
        public string InForce { get; set; } = "a";
        public int Restarts { get; private set; }
        public string? Refusal { get; set; }
        public ulong Lost { get; set; }
        public ClockState? Clock { get; set; }
        public string? DiskFault { get; set; }
        public PortState State { get; set; } = PortState.Capturing;
        public Action? Changing { get; set; }

        public void Change(ConfigResult next, ConfigPlan plan)
        {
            Changing?.Invoke();
            if (Refusal is not null)
                throw new CaptureException(Refusal);
            InForce = next.Options!.Serial;
        }

        public void Restart() => Restarts++;

        public BoxSnapshot Snapshot() => new(new RecorderSnapshot
        {
            At = DateTimeOffset.UnixEpoch,
            Uptime = TimeSpan.Zero,
            Ports =
            [
                new PortLedger
                {
                    Port = "lo", CurrentName = "lo", State = State, Fault = State == PortState.Capturing ? null : "cannot be opened", HardwareStamps = false, StoredPackets = 0, StoredBytes = 0, FilteredPackets = 0,
                    PendingPackets = 0, LostRing = Lost, LostDisk = 0, LostNic = 0, LostHost = 0, TruncatedPackets = 0, RingFreezes = 0, Gap = TimeSpan.Zero,
                },
            ],
            Storage = new StorageSnapshot { SegmentsSealed = 0, BytesWritten = 0, WriteErrors = 0, Engine = "none", Direct = false, FreeBytes = 0, RecentlySealed = [], Fault = DiskFault },
        })
        { Clock = Clock is { } state ? new ClockSnapshot { Interface = "eth0", Steered = true, State = state } : null };
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>Documents differ by the serial; the watch is of 10 s.</summary>
    private static string Document(string serial, string more = "") => $$"""{"serial":"{{serial}}","ports":[{"name":"lo"}],"change":{"watch":"10s"}{{more}}}""";

    private static ConfigResult Parsed(string document) => ConfigDocument.Parse(Utf8(document));

    private static ConfigProposal Proposal(string serial, string more = "") => new(Parsed(Document(serial, more)), "mqtt:noc");

    private Configurator NewConfigurator()
    {
        ConfigResult config = ConfigDocument.Parse(Utf8(_store.Current.Line));
        return new Configurator(_store, new PendingChanges(_store, _clocks), config, _box, NullLogger.Instance);
    }

    /// <summary>The process dies and is started again.</summary>
    private string? Restart(bool reboot = false)
    {
        _store.Dispose();
        if (reboot)
            _clocks.Reboot(60 * FakeClocks.Second);
        _store = ConfigStore.Open(_directory);
        string? reason = new PendingChanges(_store, _clocks).BeforeStart();
        _box.InForce = ConfigDocument.Parse(Utf8(_store.Current.Line)).Options!.Serial;
        _configurator = NewConfigurator();
        _configurator.Start();
        _configurator.Dispose(); // Time is made by the test, not by the thread.
        return reason;
    }

    private void Pass(int seconds)
    {
        for (int i = 0; i < seconds; i++)
        {
            _clocks.Pass(FakeClocks.Second);
            _configurator.Tick();
        }
    }

    private void Expect(ConfigStatus status, string inForce, long revision)
    {
        Assert.Equal((status, revision), (_configurator.Report.Status, _configurator.Report.Revision));
        Assert.Equal(inForce, _box.InForce);
        Assert.Contains($"\"serial\":\"{inForce}\"", _configurator.Report.Document, StringComparison.Ordinal);
    }

    [Fact]
    public void A_good_document_is_in_force_and_stays()
    {
        int changed = 0;
        _configurator.Changed += () => changed++;
        ConfigReport report = _configurator.Apply(Proposal("b") with { Version = 7, Id = "job-7", Why = "test" });
        Assert.Equal((7, "job-7", ConfigStatus.Applied), (report.Version, report.Id, report.Status));
        Expect(ConfigStatus.Applied, "b", 2);
        Assert.Equal(1, changed);
        Pass(9);
        Assert.NotNull(_store.State.Trial);
        Pass(1);
        Assert.Null(_store.State.Trial);
        Restart();
        Expect(ConfigStatus.Applied, "b", 2);
    }

    [Fact]
    public void What_is_refused_changes_nothing_and_says_where()
    {
        _configurator.Apply(Proposal("b") with { Version = 7, Id = "x" });
        void Refused(ConfigProposal proposal, string path, string reason)
        {
            ConfigReport report = _configurator.Apply(proposal);
            Assert.Equal(ConfigStatus.Rejected, report.Status);
            Assert.Equal(path, report.Errors[0].Path);
            Assert.Contains(reason, report.Errors[0].Reason);
            Expect(ConfigStatus.Rejected, "b", 2);
        }

        Refused(Proposal("c") with { Version = 7, Id = "y" }, "$.version", "7 is not above 7");
        Refused(Proposal("c") with { BaseRevision = 1 }, "$.base", "made from revision 1, but 2 is in force");
        Refused(Proposal("c") with { ConfirmSeconds = 100_000 }, "$.confirmSeconds", "not within");
        Refused(Proposal("c", ",\"prots\":1"), "$.prots", "did you mean \"ports\"");
        Refused(new ConfigProposal(Parsed("{"), "mqtt:noc"), "line 1, column 2", "");
        _box.Refusal = "port lo: filter: nope";
        Refused(Proposal("c"), "$", "port lo: filter: nope");
        Assert.Equal(2, _store.State.Revision);
    }

    [Fact]
    public void The_same_id_again_is_the_same_answer_and_the_same_document_no_revision()
    {
        ConfigReport first = _configurator.Apply(Proposal("b") with { Version = 1, Id = "x" });
        Assert.Same(first, _configurator.Apply(Proposal("c") with { Version = 1, Id = "x" }));
        ConfigReport same = _configurator.Apply(Proposal("b") with { Version = 2, Id = "z" });
        Assert.Equal((ConfigStatus.Applied, 2), (same.Status, same.Revision));
        Assert.Equal([2L, 1], _store.Numbers());
        Restart();
        Assert.Equal(ConfigStatus.Rejected, _configurator.Apply(Proposal("c") with { Version = 2, Id = "other" }).Status);
    }

    [Fact]
    public void Without_a_confirmation_it_is_taken_back()
    {
        ConfigReport report = _configurator.Apply(Proposal("b") with { ConfirmSeconds = 30, Id = "x" });
        Assert.Equal(ConfigStatus.PendingConfirm, report.Status);
        Assert.NotNull(report.ConfirmBy);
        Pass(29);
        Expect(ConfigStatus.PendingConfirm, "b", 2);
        Pass(1);
        Expect(ConfigStatus.RolledBack, "a", 1);
        Assert.Equal("it was not confirmed within 30 s", _configurator.Report.Errors[0].Reason);
        Restart();
        Expect(ConfigStatus.RolledBack, "a", 1);
    }

    [Fact]
    public void Confirmed_in_time_it_stays()
    {
        _configurator.Apply(Proposal("b") with { ConfirmSeconds = 30, Id = "x" });
        Assert.Contains("\"y\" does not wait", Assert.Throws<ConfigRefusedException>(() => _configurator.Confirm("y", "me")).Message);
        Assert.Equal(ConfigStatus.Rejected, _configurator.Apply(Proposal("c")).Status);
        Expect(ConfigStatus.PendingConfirm, "b", 2);
        Pass(5);
        Assert.Equal(ConfigStatus.Applied, _configurator.Confirm("x", "me").Status);
        Pass(100);
        Expect(ConfigStatus.Applied, "b", 2);
        Assert.Throws<ConfigRefusedException>(() => _configurator.Confirm("x", "me"));
    }

    [Fact]
    public void A_change_of_how_the_box_is_reached_asks_for_confirmation_by_itself()
    {
        Assert.Equal(ConfigStatus.Applied, _configurator.Apply(Proposal("b")).Status);
        ConfigResult before = ConfigDocument.Parse(Utf8(Document("b")));
        ConfigResult With(string document) => before with { Document = Parsed(document).Document };
        Assert.True(ConfigPlan.Make(With("""{"mqtt":{"broker":"a"}}"""), With("""{"mqtt":{"broker":"b"}}""")).TouchesAccess);
        Assert.False(ConfigPlan.Make(With("""{"serial":"a"}"""), With("""{"serial":"b"}""")).TouchesAccess);
    }

    [Fact]
    public void Rules_of_retention_that_come_with_their_whole_section_are_seen()
    {
        const string before = """{"ports":[{"name":"lo"}]}""", after = """{"ports":[{"name":"lo"}],"storage":{"retention":{"minFree":"5%"}}}""";
        ConfigPlan plan = ConfigPlan.Make(Parsed(before), Parsed(after));
        Assert.Equal(["$.storage"], plan.Differences.Select(d => d.Path));
        Assert.Contains(plan.Impacts, i => i.Effect == ConfigEffect.Retention);
    }

    [Fact]
    public void Loss_that_starts_takes_it_back()
    {
        Pass(10);
        _configurator.Apply(Proposal("b"));
        Pass(3);
        _box.Lost = 17;
        Pass(1);
        Expect(ConfigStatus.RolledBack, "a", 1);
        Assert.Equal("port lo lost 17 packets after the change, and none right before it", _configurator.Report.Errors[0].Reason);
    }

    [Fact]
    public void Loss_that_was_there_before_does_not()
    {
        for (int i = 0; i < 5; i++)
        {
            _box.Lost += 10;
            Pass(1);
        }

        _configurator.Apply(Proposal("b"));
        for (int i = 0; i < 12; i++)
        {
            _box.Lost += 10;
            Pass(1);
        }

        Expect(ConfigStatus.Applied, "b", 2);
    }

    /// <summary>Not after a restart either: the change may be what is to mend it.</summary>
    [Fact]
    public void Loss_that_was_there_before_a_restart_does_not()
    {
        for (int i = 0; i < 5; i++)
        {
            _box.Lost += 10;
            Pass(1);
        }

        _configurator.Apply(new(Parsed(Document("b", ""","storage":{"directory":"/elsewhere"}""")), "cli:root"));
        Assert.Equal(1, _box.Restarts);
        Restart();
        _box.Lost += 10;
        Pass(12);
        Expect(ConfigStatus.Applied, "b", 2);
    }

    /// <summary>What comes back is what is known to be good, and it is told of what was on trial.</summary>
    [Fact]
    public void A_change_amid_the_watch_of_another_shares_it()
    {
        _configurator.Apply(Proposal("b"));
        Pass(5);
        _configurator.Apply(Proposal("c"));
        Pass(2);
        Assert.Equal(ConfigStatus.Rejected, _configurator.Apply(new(Parsed("{"), "cli:root") { Id = "broken" }).Status);
        _box.Lost++;
        Pass(1);
        Expect(ConfigStatus.RolledBack, "a", 1);
        Assert.Equal((2L, "mqtt:noc-2"), (_configurator.Report.Version, _configurator.Report.Id));
    }

    [Fact]
    public void A_change_amid_the_watch_of_another_that_is_not_confirmed_gives_way_to_that()
    {
        _configurator.Apply(Proposal("b"));
        Pass(2);
        _configurator.Apply(Proposal("c") with { ConfirmSeconds = 5 });
        Pass(6);
        Expect(ConfigStatus.RolledBack, "b", 2);
    }

    [Fact]
    public void A_version_that_was_refused_while_another_waited_is_used_up()
    {
        _configurator.Apply(Proposal("b") with { ConfirmSeconds = 30, Version = 5, Id = "five" });
        Assert.Equal(ConfigStatus.Rejected, _configurator.Apply(Proposal("c") with { Version = 6, Id = "six" }).Status);
        Assert.Equal((ConfigStatus.PendingConfirm, "five", 6L), (_configurator.Report.Status, _configurator.Report.Id, _configurator.Report.HighestVersion));
        _configurator.Confirm("five", "cli:root");
        Assert.Contains("$.version", _configurator.Apply(Proposal("c") with { Version = 6, Id = "again" }).Errors[0].Path, StringComparison.Ordinal);
        Expect(ConfigStatus.Rejected, "b", 2);
    }

    /// <summary>Its name at the broker is the serial number where nothing else is said.</summary>
    [Fact]
    public void Another_serial_number_asks_for_confirmation_where_the_broker_knows_the_box_by_it()
    {
        const string more = ""","mqtt":{"broker":"mqtts://noc.example"}""";
        _configurator.Apply(Proposal("a", more));
        _configurator.Confirm(_configurator.Report.Id, "cli:root");
        Assert.Equal(ConfigStatus.PendingConfirm, _configurator.Apply(Proposal("b", more)).Status);
    }

    [Fact]
    public void Loss_after_the_watch_does_not()
    {
        _configurator.Apply(Proposal("b"));
        Pass(10);
        _box.Lost = 1;
        Pass(5);
        Expect(ConfigStatus.Applied, "b", 2);
    }

    [Fact]
    public void A_clock_that_is_worse_at_the_end_takes_it_back_and_one_that_came_back_does_not()
    {
        _box.Clock = ClockState.Locked;
        _configurator.Apply(Proposal("b"));
        _box.Clock = ClockState.Acquiring;
        Pass(5);
        Expect(ConfigStatus.Applied, "b", 2);
        _box.Clock = ClockState.Locked;
        Pass(5);
        Expect(ConfigStatus.Applied, "b", 2);
        _configurator.Apply(Proposal("c"));
        _box.Clock = ClockState.Acquiring;
        Pass(10);
        Expect(ConfigStatus.RolledBack, "b", 2);
        Assert.Equal("the clock was Locked before the change and is Acquiring", _configurator.Report.Errors[0].Reason);
    }

    [Fact]
    public void A_disk_that_refuses_or_a_port_that_cannot_be_opened_takes_it_back()
    {
        _configurator.Apply(Proposal("b"));
        _box.DiskFault = "no room";
        Pass(1);
        Expect(ConfigStatus.RolledBack, "a", 1);
        _box.DiskFault = null;
        _configurator.Apply(Proposal("c"));
        _box.State = PortState.Down;
        Pass(10);
        Expect(ConfigStatus.RolledBack, "a", 1);
    }

    [Fact]
    public void A_confirmed_change_is_watched_on()
    {
        _configurator.Apply(Proposal("b") with { ConfirmSeconds = 30, Id = "x" });
        _configurator.Confirm("x", "me");
        _box.Lost = 5;
        Pass(1);
        Expect(ConfigStatus.RolledBack, "a", 1);
    }

    [Fact]
    public void Another_archive_is_a_restart_and_on_trial()
    {
        _configurator.Apply(Proposal("b", ",\"storage\":{\"directory\":\"/elsewhere\"}"));
        Assert.Equal(1, _box.Restarts);
        Assert.Equal("a", _box.InForce);
        Assert.NotNull(_store.State.Trial);
        Restart();
        Pass(10);
        Expect(ConfigStatus.Applied, "b", 2);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_trial_goes_on_after_a_restart_and_begins_anew_after_a_reboot(bool reboot)
    {
        _configurator.Apply(Proposal("b") with { ConfirmSeconds = 30, Id = "x" });
        Pass(20);
        Assert.Null(Restart(reboot));
        Expect(ConfigStatus.PendingConfirm, "b", 2);
        Pass(9);
        Expect(ConfigStatus.PendingConfirm, "b", 2);
        Pass(reboot ? 21 : 1);
        Expect(ConfigStatus.RolledBack, "a", 1);
    }

    [Fact]
    public void A_trial_that_ended_while_nothing_ran_is_taken_back_before_the_start()
    {
        _configurator.Apply(Proposal("b") with { ConfirmSeconds = 30, Id = "x" });
        _clocks.Pass(31 * FakeClocks.Second);
        Assert.Equal("it was not confirmed within 30 s", Restart());
        Expect(ConfigStatus.RolledBack, "a", 1);
    }

    [Fact]
    public void A_box_that_dies_again_and_again_goes_back()
    {
        _configurator.Apply(Proposal("b"));
        for (int i = 0; i < PendingChanges.MaxStarts; i++)
            Assert.Null(Restart());
        Assert.Equal("the recorder ended 3 times with it", Restart());
        Expect(ConfigStatus.RolledBack, "a", 1);
    }

    /// <summary>An operator who stops and starts it, or another document that asks for a start, says nothing against it.</summary>
    [Fact]
    public void A_box_that_ends_in_order_again_and_again_does_not_go_back()
    {
        _configurator.Apply(Proposal("b"));
        for (int i = 0; i < 3 * PendingChanges.MaxStarts; i++)
        {
            Assert.Null(Restart());
            _configurator.Stop();
        }

        // What died before counts on.
        for (int i = 0; i < PendingChanges.MaxStarts; i++)
        {
            Assert.Null(Restart());
            if (i == 1)
                _configurator.Stop();
        }

        Assert.Null(Restart());
        Expect(ConfigStatus.Applied, "b", 2);
        Assert.Equal("the recorder ended 3 times with it", Restart());
        Expect(ConfigStatus.RolledBack, "a", 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    public void Wherever_it_dies_the_next_start_has_a_good_document_and_none_is_kept_unproved(int confirmSeconds)
    {
        // The directory as it is after each file that is written, and while the box is being changed: what a dead process leaves.
        List<string> copies = [];
        void Copy()
        {
            string copy = $"{_directory}-{copies.Count}";
            Directory.CreateDirectory(copy);
            foreach (string file in Directory.GetFiles(_directory, "*.json"))
                File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
            copies.Add(copy);
        }

        _store.Written = Copy;
        _box.Changing = Copy;
        _configurator.Apply(Proposal("b") with { ConfirmSeconds = confirmSeconds, Id = "x" });
        if (confirmSeconds > 0)
            _configurator.Confirm("x", "me");
        int untilProved = copies.Count;
        Pass(10);
        Assert.True(copies.Count > untilProved);
        try
        {
            for (int i = 0; i < copies.Count; i++)
            {
                using ConfigStore store = ConfigStore.Open(copies[i]);
                Assert.Empty(store.Notes);
                var trials = new PendingChanges(store, _clocks);
                bool isNew = store.Current.Revision == 2;
                Assert.Equal(Document(isNew ? "b" : "a"), store.Current.Line);
                // Proved only once the watch was over: until then the next starts can still go back.
                Assert.Equal(isNew && i < untilProved, store.State.Trial is not null);
                for (int starts = 0; starts <= PendingChanges.MaxStarts; starts++)
                    trials.BeforeStart();
                Assert.Equal(i < untilProved ? 1 : 2, store.Current.Revision);
            }
        }
        finally
        {
            copies.ForEach(c => Directory.Delete(c, recursive: true));
        }
    }
}
