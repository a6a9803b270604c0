// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>Who is followed, and what is ignored.</summary>
public sealed class EngineMasterTests
{
    [Fact]
    public void The_better_master_is_selected_and_the_other_takes_over_when_it_falls_silent()
    {
        var bench = new EngineBench();
        FakeMaster good = bench.Add(1, priority1: 100), bad = bench.Add(2, priority1: 200);
        bench.Run(5);
        Assert.Equal(good.Port, bench.Engine.Reference!.Value.Data.Sender);
        good.IsOn = false;
        bench.Run(1.5);
        Assert.Equal(good.Port, bench.Engine.Reference!.Value.Data.Sender);
        bench.Run(2.5);
        Assert.Equal(bad.Port, bench.Engine.Reference!.Value.Data.Sender);
        Assert.Equal(good.Port, Assert.Single(bench.Output.Of(EventKind.MasterLost)).Port);
        good.IsOn = true;
        bench.Run(4);
        Assert.Equal(good.Port, bench.Engine.Reference!.Value.Data.Sender);
        good.IsOn = bad.IsOn = false;
        bench.Run(5);
        Assert.Null(bench.Engine.Reference);
        Assert.Single(bench.Output.Of(EventKind.ReferenceLost));
        Assert.Single(bench.Output.Of(EventKind.NoMaster));
    }

    [Fact]
    public void One_announce_does_not_qualify_and_two_too_far_apart_do_not_either()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        master.IsOn = false;
        master.SendAnnounce();
        bench.Run(1);
        Assert.Null(bench.Engine.Reference);
        bench.NowNs += 5 * EngineBench.Second;
        master.SendAnnounce();
        Assert.Null(bench.Engine.Reference);
        bench.NowNs += EngineBench.Second;
        master.SendAnnounce();
        Assert.NotNull(bench.Engine.Reference);
    }

    [Fact]
    public void The_reference_is_the_first_domains_and_falls_to_the_next_when_its_syncs_stop()
    {
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, Domains = [4, 9] });
        FakeMaster first = bench.Add(1, domain: 4), second = bench.Add(2, domain: 9), foreign = bench.Add(3, domain: 5);
        bench.Run(6);
        Assert.Equal(4, bench.Engine.Reference!.Value.Domain);
        Assert.Contains(bench.Output.Exchanges, e => e.Source is { Domain: 9, IsReference: false } && e.Source.Port == second.Port);
        Assert.DoesNotContain(bench.Output.Samples, s => s.Source.Port == foreign.Port);
        Assert.True(bench.Engine.Counters[Cause.OtherDomain] > 10);
        // Announces go on: the data set comparison alone would keep it.
        first.HasSyncs = false;
        bench.Run(5);
        Assert.Equal(9, bench.Engine.Reference!.Value.Domain);
        Assert.Equal(first.Port, Assert.Single(bench.Output.Of(EventKind.SyncLost)).Port);
        first.HasSyncs = true;
        bench.Run(3);
        Assert.Equal(4, bench.Engine.Reference!.Value.Domain);
    }

    [Fact]
    public void Only_grandmasters_on_the_list_are_followed()
    {
        var allowed = ClockIdentity.FromMac([2, 0, 0, 0, 1, 2]);
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, AllowedGrandmasters = [allowed] });
        bench.Add(1, priority1: 1);
        FakeMaster good = bench.Add(2, priority1: 200);
        bench.Run(5);
        Assert.Equal(good.Port, bench.Engine.Reference!.Value.Data.Sender);
        Assert.Equal(5, bench.Engine.Counters[Cause.GrandmasterNotAllowed]);
        Assert.All(bench.Output.Samples, s => Assert.Equal(good.Port, s.Source.Port));
        // A boundary clock is judged by the grandmaster behind it.
        good.Grandmaster = new(0xBAD);
        bench.Run(5);
        Assert.Null(bench.Engine.Reference);
    }

    [Fact]
    public void Syncs_of_others_than_the_selected_are_not_measured_when_that_is_not_wanted()
    {
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, MeasureAll = false });
        FakeMaster good = bench.Add(1, priority1: 1);
        bench.Add(2, priority1: 200);
        bench.Run(6);
        Assert.All(bench.Output.Samples, s => Assert.Equal(good.Port, s.Source.Port));
        Assert.True(bench.Engine.Counters[Cause.NotSelected] >= 8);
    }

    [Fact]
    public void Follow_ups_before_and_syncs_out_of_order_are_matched_and_replays_are_not()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        master.HasSyncs = false;
        bench.Run(3);
        master.Send(master.FollowUpMessage(100));
        master.Send(master.SyncMessage(100), isStamped: true);
        Assert.Single(bench.Output.Samples);
        master.Send(master.SyncMessage(101), isStamped: true);
        master.Send(master.SyncMessage(102), isStamped: true);
        master.Send(master.FollowUpMessage(101));
        master.Send(master.FollowUpMessage(102));
        Assert.Equal([100, 101, 102], bench.Output.Samples.Select(s => (int)s.Sample.SequenceId));
        Counts(bench, Cause.SyncDuplicate, 1, () => master.Send(master.SyncMessage(102), isStamped: true));
        Counts(bench, Cause.FollowUpDuplicate, 1, () => master.Send(master.FollowUpMessage(102)));
        Counts(bench, Cause.SyncReplayed, 1, () => master.Send(master.SyncMessage(100), isStamped: true));
        Counts(bench, Cause.FollowUpReplayed, 1, () => master.Send(master.FollowUpMessage(101)));
        Counts(bench, Cause.NoReceiveStamp, 1, () => master.Send(master.SyncMessage(103)));
        Counts(bench, Cause.WrongChannel, 1, () => master.Send(master.SyncMessage(103), isStamped: true, channel: PtpChannel.General));
        Counts(bench, Cause.WrongAddress, 1, () => master.Send(master.SyncMessage(103), isStamped: true, from: PeerAddress.Mac([2, 0, 0, 0, 0, 0x66])));
        // Five that wait for their Follow_Up: there is room for four.
        Counts(bench, Cause.FollowUpMissing, 1, () =>
        {
            for (ushort id = 110; id < 115; id++)
                master.Send(master.SyncMessage(id), isStamped: true);
        });
        Assert.Equal(3, bench.Output.Samples.Count);
    }

    [Fact]
    public void A_master_that_comes_to_follow_a_grandmaster_off_the_list_is_left_at_once()
    {
        var bench = new EngineBench(new EngineOptions { Own = EngineBench.Own, AllowedGrandmasters = [ClockIdentity.FromMac([2, 0, 0, 0, 1, 1])] });
        FakeMaster master = bench.Add(1);
        bench.Run(5);
        Assert.NotNull(bench.Engine.Reference);
        master.Grandmaster = ClockIdentity.FromMac([2, 0, 0, 0, 1, 7]);
        bench.Run(1.1);
        Assert.Null(bench.Engine.Reference);
        int samples = bench.Output.Samples.Count;
        bench.Run(5);
        Assert.Equal(samples, bench.Output.Samples.Count);
        master.Grandmaster = null;
        bench.Run(5);
        Assert.NotNull(bench.Engine.Reference);
    }

    [Fact]
    public void A_master_that_starts_again_is_followed_after_its_silence()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        master.HasSyncs = false;
        bench.Run(3);
        master.Send(master.SyncMessage(40_000), isStamped: true);
        master.Send(master.FollowUpMessage(40_000));
        Counts(bench, Cause.SyncReplayed, 1, () => master.Send(master.SyncMessage(20_000), isStamped: true));
        bench.Run(4);
        master.Send(master.SyncMessage(20_000), isStamped: true);
        master.Send(master.FollowUpMessage(20_000));
        Assert.Equal([40_000, 20_000], bench.Output.Samples.Where(s => s.Sample.IsFromMaster).Select(s => (int)s.Sample.SequenceId));
    }

    [Fact]
    public void Announces_that_cannot_be_used_are_counted_by_cause()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        bench.Run(3);
        Counts(bench, Cause.AnnounceReplayed, 1, () => master.Send(master.AnnounceMessage(0)));
        Counts(bench, Cause.WrongAddress, 1, () => master.Send(master.AnnounceMessage(500), from: PeerAddress.Mac([2, 0, 0, 0, 0, 0x66])));
        PtpMessage one = master.AnnounceMessage(500);
        Counts(bench, Cause.AnnounceUseless, 1, () => master.Send(one with { Announce = one.Announce with { StepsRemoved = 255 } }));
        Counts(bench, Cause.AlternateMaster, 1, () => master.Send(one with { Header = one.Header with { Flags = MessageFlags.AlternateMaster } }));
        Counts(bench, Cause.OtherSdo, 1, () => master.Send(one with { Header = one.Header with { SdoId = 0x100 } }));
        Counts(bench, Cause.Own, 1, () => master.Send(one with { Header = one.Header with { Source = new(EngineBench.Own.Clock, 3) } }));
        Counts(bench, Cause.CorrectionSaturated, 1, () => master.Send(one with { Header = one.Header with { Correction = new(long.MaxValue) } }));
        Counts(bench, Cause.NotForSlave, 1, () => master.Send(one with { Header = one.Header with { Type = MessageType.DelayReq } }));
        Counts(bench, Cause.Malformed, 1, () => bench.Receive([1, 2, 3], default));
        Assert.Equal(1, bench.Engine.Counters.Rejected(ParseError.ShorterThanHeader));
    }

    [Fact]
    public void A_flood_of_made_up_masters_stays_in_its_table_and_drives_out_no_qualified_one()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        bench.Run(3);
        for (int i = 0; i < 10_000; i++)
            new FakeMaster(bench, 7, 0) { Port = new(new((ulong)i + 1), 1), Priority1 = 0 }.SendAnnounce();
        Span<MasterStatus> all = new MasterStatus[64];
        Assert.Equal(8, bench.Engine.CopyMasters(all));
        bench.Run(3);
        Assert.Equal(master.Port, bench.Engine.Reference!.Value.Data.Sender);
    }

    [Fact]
    public void Changes_of_what_the_master_says_of_itself_are_told()
    {
        var bench = new EngineBench();
        FakeMaster master = bench.Add(1);
        bench.Run(3);
        master.Class = 7;
        master.Flags &= ~MessageFlags.FrequencyTraceable;
        master.Grandmaster = new(0x77);
        master.Steps = 1;
        bench.Run(2);
        EngineEvent change = Assert.Single(bench.Output.Of(EventKind.ClockClassChanged));
        Assert.Equal((6, 7), (change.Before, change.After));
        change = Assert.Single(bench.Output.Of(EventKind.TraceabilityChanged));
        Assert.Equal((3, 2), (change.Before, change.After));
        Assert.Equal(0x77, Assert.Single(bench.Output.Of(EventKind.GrandmasterChanged)).After);
    }

    [Fact]
    public void A_master_that_lies_by_a_second_is_told_apart_by_the_others()
    {
        var bench = new EngineBench();
        FakeMaster liar = bench.Add(1, priority1: 1);
        bench.Add(2);
        bench.Add(3);
        bench.Run(6);
        Assert.Equal((3, 3), (bench.Engine.Comparison.Count, bench.Engine.Comparison.Agreeing));
        liar.ErrorNs = EngineBench.Second;
        bench.Run(6);
        MasterComparison comparison = bench.Engine.Comparison;
        Assert.Equal((3, 2), (comparison.Count, comparison.Agreeing));
        Assert.Equal(1_234, comparison.MedianNs, 6);
        Assert.True(comparison.IsReferenceOutvoted(10_000));
        Assert.Single(bench.Output.Of(EventKind.MastersDisagree));
        liar.ErrorNs = 0;
        bench.Run(6);
        Assert.Single(bench.Output.Of(EventKind.MastersAgree));
    }

    private static void Counts(EngineBench bench, Cause cause, long more, Action action)
    {
        long before = bench.Engine.Counters[cause];
        action();
        Assert.Equal((cause, before + more), (cause, bench.Engine.Counters[cause]));
    }
}
