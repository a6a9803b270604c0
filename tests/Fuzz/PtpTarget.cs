// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;

namespace Capbox.Fuzz;

/// <summary>
/// Feeds the frames of a pcap to frame parser, message parser and engine, whatever is in them. Records that lie about their length are cut. Any exception is a crash, and so
/// is a message that the engine sends and the parser refuses.
/// </summary>
internal static class PtpTarget
{
    private const int MostFrames = 512;

    public static void Run(ReadOnlySpan<byte> file)
    {
        var output = new Answering();
        var engine = new PtpEngine(new EngineOptions { Own = new(new(0x0200_00FF_FE00_0002), 1), Domains = [0, 5] }, output);
        output.Engine = engine;
        for (int frames = 0, at = 24; frames < MostFrames && file.Length - at >= 16; frames++)
        {
            ReadOnlySpan<byte> record = file[at..];
            long stampNs = (BinaryPrimitives.ReadUInt32LittleEndian(record) * 1_000_000_000L) + (BinaryPrimitives.ReadUInt32LittleEndian(record[4..]) * 1_000L);
            int bytes = (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(record[8..]), (uint)record.Length - 16);
            Feed(engine, record.Slice(16, bytes), stampNs);
            at += 16 + bytes;
        }
    }

    private static void Feed(PtpEngine engine, ReadOnlySpan<byte> frame, long stampNs)
    {
        if (FrameParser.Parse(frame, out FrameView view) == FrameKind.Ptp)
            engine.Receive(frame.Slice(view.Offset, view.Bytes), new Arrival(view.Source, view.Channel, new PtpTimestamp(stampNs), stampNs));
        engine.Tick(stampNs);
    }

    private sealed class Answering : IEngineOutput
    {
        public PtpEngine? Engine { get; set; }

        public void SendDelayReq(ReadOnlySpan<byte> message, PeerAddress to, uint token)
        {
            if (MessageParser.Parse(message, out _) != ParseError.None)
                throw new InvalidOperationException("the engine sent what the parser refuses");
            Engine!.TransmitStamped(token, new(0), 0);
        }

        public void Sampled(in MeasurementSource source, in PathSample sample) => GC.KeepAlive(sample.DifferenceNs);

        public void Exchanged(in MeasurementSource source, in DelayExchange exchange) => GC.KeepAlive(exchange.OffsetNs);

        public void Happened(in EngineEvent occurrence)
        {
        }
    }
}
