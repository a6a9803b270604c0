// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>The engine in the place of the ptp4l slave whose traffic was captured: its identity, its Delay_Req, tcpdump's stamps.</summary>
public sealed class GoldenEngineTests
{
    // Both ends ran on one clock; what is between the two ends' stamps is the machine's own delay.
    private const double MostNs = 5e6;

    [Theory]
    [InlineData("l2", 0)]
    [InlineData("udp4", 0)]
    [InlineData("udp6", 5)]
    [InlineData("hybrid", 0)]
    [InlineData("leap", 0)]
    [InlineData("tlv", 0)]
    public void A_ptp4l_master_is_followed_from_its_capture(string name, byte domain)
    {
        var output = new Recorded();
        var engine = new PtpEngine(new EngineOptions { Own = EngineBench.Own, Domains = [domain] }, output);
        int syncs = 0;
        foreach ((long stampNs, byte[] frame) in Pcap.Read(Pcap.Golden(name)))
        {
            Assert.Equal(FrameKind.Ptp, FrameParser.Parse(frame, out FrameView view));
            Assert.Equal(ParseError.None, MessageParser.Parse(frame.AsSpan(view.Offset, view.Bytes), out PtpMessage message));
            engine.Receive(frame.AsSpan(view.Offset, view.Bytes), new Arrival(view.Source, view.Channel, new PtpTimestamp(stampNs), stampNs));
            syncs += message.Header.Type == MessageType.Sync ? 1 : 0;
        }

        Assert.Equal("020000.fffe.000001-1", engine.Reference!.Value.Data.Sender.ToString());
        // Those before the second Announce are not believed.
        Assert.InRange(output.Samples.Count, syncs - 4, syncs);
        Assert.All(output.Samples, s => Assert.InRange(s.Sample.DifferenceNs, 0, MostNs));
        Assert.Equal(0, engine.Counters[Cause.Malformed] + engine.Counters[Cause.WrongAddress] + engine.Counters[Cause.WrongChannel] + engine.Counters[Cause.SyncReplayed]);
        Assert.True(engine.Counters[Cause.DelayRespOfOthers] > 5);
    }

    [Fact]
    public void The_flags_that_pmc_set_are_seen()
    {
        var output = new Recorded();
        var engine = new PtpEngine(new EngineOptions { Own = EngineBench.Own }, output);
        foreach ((long stampNs, byte[] frame) in Pcap.Read(Pcap.Golden("leap")))
            engine.Receive(frame.AsSpan(14), new Arrival(PeerAddress.Mac(frame.AsSpan(6)), PtpChannel.Any, new PtpTimestamp(stampNs), stampNs));
        MasterStatus reference = engine.Reference!.Value;
        Assert.Equal(new TimeProperties(Timescale.Ptp, 37, true, true, false, true, true, 0x20), reference.Properties);
        Assert.Equal(6, reference.Data.Quality.Class);
        Assert.Equal(100.0, reference.Data.Quality.AccuracyNs);
        // The capture is of a 23rd of November: no day for a leap second.
        Assert.Equal(0, engine.Utc.PendingLeap);
        Assert.True(engine.Counters[Cause.LeapRejected] > 0);
    }
}
