// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Packets.Capture;
using Capbox.Packets.Pcapng;
using Capbox.Packets.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>A recorder goes over to other options under traffic: what each port must have then, packet by packet.</summary>
[Collection("Remote")]
public class RecorderChangeTests
{
    private const ushort Even = 0x88B5, Odd = 0x88B6;

    /// <summary>Sends frames with a number, even and odd ones with another ether type, until it is told to end.</summary>
    private sealed class Sender : IDisposable
    {
        private readonly Thread _thread;
        private volatile bool _end;
        private int _sent;

        public Sender(Lab lab, string port)
        {
            _thread = new Thread(() => RawSender.Send(lab.SenderSpace, port, Numbered(), pauseEvery: 16));
            _thread.Start();
        }

        public int Sent => Volatile.Read(ref _sent);

        public void SomeMore(int count = 500)
        {
            int from = Sent;
            Tool.WaitFor(() => Sent >= from + count, "packets to be sent");
        }

        public void Dispose()
        {
            _end = true;
            _thread.Join();
        }

        private IEnumerable<byte[]> Numbered()
        {
            for (int i = 0; !_end; i++)
            {
                byte[] frame = Frames.Plain(60, 0, i % 2 == 0 ? Even : Odd);
                BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(14), i);
                Volatile.Write(ref _sent, i + 1);
                yield return frame;
            }
        }
    }

    private static PortOptions Port(Lab lab, int number, string? filter = null) =>
        new() { Name = $"{lab.RecorderSpace}/b{number}", Filter = filter, RingBytes = 4 << 20, BlockBytes = 1 << 18, HandoverMs = 20, Backend = Backend.Packet };

    private static RecorderOptions Options(Lab lab, ulong revision, params PortOptions[] ports) =>
        new() { Ports = ports, Storage = new StorageOptions { Directory = lab.Archive, SegmentBytes = 64 << 20 }, ConfigRevision = revision };

    private static void Capturing(Recorder recorder) =>
        Tool.WaitFor(() => recorder.Snapshot().Ports.All(p => p.State == PortState.Capturing), "all ports to capture");

    private static string[] Segments(Lab lab) => [.. Directory.GetFiles(lab.Archive, "*.pcapng").Order()];

    /// <summary>Numbers in the segments of a port, in order.</summary>
    private static List<int> Numbers(Lab lab, string port)
    {
        List<int> numbers = [];
        foreach (string path in Segments(lab))
        {
            Assert.DoesNotContain(SegmentVerifier.Verify(path).Findings, f => f.Severity == VerifySeverity.Error);
            using SegmentReader reader = SegmentReader.Open(path);
            foreach (ChunkRecord chunk in reader.Chunks)
            {
                foreach (SegmentPacket packet in reader.Packets(chunk))
                {
                    if (reader.Ports[packet.Port].Name == port)
                        numbers.Add(BinaryPrimitives.ReadInt32BigEndian(packet.Data[14..]));
                }
            }
        }

        numbers.Sort();
        return numbers;
    }

    [Fact]
    public void A_port_that_stays_loses_nothing_while_others_come_go_and_change()
    {
        using var lab = new Lab(pairs: 3);
        using var recorder = new Recorder(Options(lab, 1, Port(lab, 0), Port(lab, 1)), NullLogger<Recorder>.Instance);
        recorder.Start();
        Capturing(recorder);
        int sent;
        using (var sender = new Sender(lab, "a1"))
        using (var other = new Sender(lab, "a2"))
        {
            sender.SomeMore();
            recorder.Change(Options(lab, 2, Port(lab, 0) with { SnapLength = 100 }, Port(lab, 1)));
            sender.SomeMore();
            recorder.Change(Options(lab, 3, Port(lab, 2), Port(lab, 1)));
            Capturing(recorder);
            other.SomeMore();
            recorder.Change(Options(lab, 4, Port(lab, 1)));
            int before = sender.Sent;
            sender.SomeMore();
            Tool.WaitFor(() => recorder.Snapshot().Ports.Single().StoredPackets > (ulong)before, "revision 4 to record something");
            recorder.Change(Options(lab, 5, Port(lab, 1), Port(lab, 0), Port(lab, 2)));
            Capturing(recorder);
            sender.SomeMore();
            other.SomeMore();
            sender.Dispose();
            sent = sender.Sent;
        }

        PortLedger ledger = recorder.Snapshot().Ports[0];
        recorder.Stop();
        Assert.Equal(0ul, ledger.LostPackets);
        Assert.Equal(Enumerable.Range(0, sent), Numbers(lab, $"{lab.RecorderSpace}/b1"));
        Assert.NotEmpty(Numbers(lab, $"{lab.RecorderSpace}/b2"));
        Assert.Empty(Numbers(lab, $"{lab.RecorderSpace}/b0"));
        // Every revision that recorded something has segments of its own.
        Assert.Equal(new ulong[] { 1, 2, 3, 4, 5 }, Segments(lab).Select(Revision).Distinct().Order());
        Assert.Equal((ulong)sent, recorder.Snapshot().Ports.Single(p => p.Port == $"{lab.RecorderSpace}/b1").StoredPackets);
    }

    private static ulong Revision(string path)
    {
        using SegmentReader reader = SegmentReader.Open(path);
        return reader.Header.Origin.ConfigRevision;
    }

    [Theory]
    [InlineData(null, "ether proto 0x88b5")]
    [InlineData("ether proto 0x88b5", "ether proto 0x88b6")]
    [InlineData("ether proto 0x88b6", null)]
    public void Another_filter_is_taken_from_one_packet_to_the_next(string? before, string? after)
    {
        using var lab = new Lab();
        using var recorder = new Recorder(Options(lab, 1, Port(lab, 0, before)), NullLogger<Recorder>.Instance);
        recorder.Start();
        Capturing(recorder);
        int during;
        using (var sender = new Sender(lab, "a0"))
        {
            sender.SomeMore();
            int sentBefore = sender.Sent;
            recorder.Change(Options(lab, 2, Port(lab, 0, after)));
            during = sender.Sent - sentBefore;
            Assert.Equal(PortState.Capturing, recorder.Snapshot().Ports[0].State);
            sender.SomeMore();
        }

        recorder.Stop();
        List<int> numbers = Numbers(lab, $"{lab.RecorderSpace}/b0");
        // Up to some packet the one filter, from there on the other; which packet that is nobody knows but the kernel.
        int sent = numbers[^1] + 2;
        bool Takes(string? filter, int number) => filter is null || (filter.EndsWith("b5", StringComparison.Ordinal) ? number % 2 == 0 : number % 2 == 1);
        IEnumerable<int> Expected(int at) => Enumerable.Range(0, sent).Where(n => Takes(n < at ? before : after, n) && n <= numbers[^1]);
        Assert.True(Enumerable.Range(1, sent).Any(at => Expected(at).SequenceEqual(numbers)), $"{numbers.Count} of {sent}");
        // The counter of the rejected changes beside the filter, so it may be off by the packets of that moment.
        PortLedger ledger = recorder.Snapshot().Ports[0];
        Assert.InRange((long)ledger.SeenPackets, sent - during - 2, sent + during + 2);
        Assert.Equal(after, HeaderFilter(Segments(lab)[^1]));
    }

    private static string? HeaderFilter(string path)
    {
        using SegmentReader reader = SegmentReader.Open(path);
        return reader.Header.Ports[0].Filter;
    }

    [Fact]
    public void A_filter_that_does_not_compile_or_another_archive_changes_nothing()
    {
        using var lab = new Lab();
        using var recorder = new Recorder(Options(lab, 1, Port(lab, 0)), NullLogger<Recorder>.Instance);
        recorder.Start();
        Capturing(recorder);
        Assert.Contains("filter", Assert.Throws<CaptureException>(() => recorder.Change(Options(lab, 2, Port(lab, 0, "tcp prot 5")))).Message);
        RecorderOptions elsewhere = Options(lab, 2, Port(lab, 0));
        Assert.Throws<CaptureException>(() => recorder.Change(elsewhere with { Storage = elsewhere.Storage with { Directory = lab.Scratch } }));
        Assert.Equal(1ul, recorder.Options.ConfigRevision);
        Assert.Equal(PortState.Capturing, recorder.Snapshot().Ports[0].State);
    }

    [Fact]
    public void All_ports_may_go_and_others_come()
    {
        using var lab = new Lab(pairs: 2);
        using var recorder = new Recorder(Options(lab, 1), NullLogger<Recorder>.Instance);
        recorder.Start();
        Assert.Empty(recorder.Snapshot().Ports);
        recorder.Change(Options(lab, 2, Port(lab, 0)));
        Capturing(recorder);
        RawSender.Send(lab.SenderSpace, "a0", Enumerable.Range(0, 10).Select(i => Frames.Plain(60, i)));
        Tool.WaitFor(() => recorder.Snapshot().Ports[0].StoredPackets == 10, "10 packets");
        recorder.Change(Options(lab, 3));
        Assert.Empty(recorder.Snapshot().Ports);
        recorder.Change(Options(lab, 4, Port(lab, 1)));
        Capturing(recorder);
        recorder.Stop();
        Assert.Equal(10, PcapFile.ReadThroughTcpdump(lab, Assert.Single(Segments(lab))).Count);
    }
}
