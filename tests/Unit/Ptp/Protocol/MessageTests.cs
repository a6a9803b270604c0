// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using CsCheck;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>The parser and the writer against each other, and against bytes that are no message.</summary>
public sealed class MessageTests
{
    private static readonly MessageType[] s_types = [MessageType.Sync, MessageType.DelayReq, MessageType.FollowUp, MessageType.DelayResp, MessageType.Announce];
    private static readonly string[] s_captures = ["l2", "udp4", "udp6"];

    private static readonly Gen<PortIdentity> s_port = Gen.Select(Gen.ULong, Gen.UShort, (clock, port) => new PortIdentity(new(clock), port));

    private static readonly Gen<Announce> s_announce =
        Gen.Select(Gen.Short, Gen.Byte, Gen.Select(Gen.Byte, Gen.Byte, Gen.UShort, (c, a, v) => new ClockQualityField(c, a, v)), Gen.Byte, Gen.ULong, Gen.UShort, Gen.Byte)
            .Select((utc, priority1, quality, priority2, grandmaster, steps, source) => new Announce
            {
                CurrentUtcOffsetSeconds = utc,
                Priority1 = priority1,
                Quality = quality,
                Priority2 = priority2,
                Grandmaster = new(grandmaster),
                StepsRemoved = steps,
                TimeSource = source,
            });

    private static readonly Gen<Header> s_header =
        Gen.Select(Gen.Int[0, 4].Select(i => s_types[i]), Gen.UShort[0, 0xFFF], Gen.Byte[0, 15], Gen.Byte)
            .Select(Gen.Select(Gen.UShort, Gen.Long, Gen.UInt, s_port), Gen.Select(Gen.UShort, Gen.SByte), (a, b, c) => new Header
            {
                Type = a.Item1,
                SdoId = a.Item2,
                MinorVersion = a.Item3,
                Domain = a.Item4,
                Flags = (MessageFlags)b.Item1,
                Correction = new(b.Item2),
                TypeSpecific = b.Item3,
                Source = b.Item4,
                SequenceId = c.Item1,
                LogInterval = c.Item2,
                MessageBytes = (ushort)MessageParser.LeastBytes(a.Item1),
            });

    private static readonly Gen<PtpMessage> s_message =
        Gen.Select(s_header, Gen.Long[0, (PtpTimestamp.MaxSeconds * 1_000_000_000) + 999_999_999], s_port, s_announce).Select((header, time, port, announce) => new PtpMessage
        {
            Header = header,
            Timestamp = new(time),
            Requesting = header.Type == MessageType.DelayResp ? port : default,
            Announce = header.Type == MessageType.Announce ? announce : default,
        });

    [Fact]
    public void What_is_written_is_read_again() => s_message.ForAll(message =>
    {
        byte[] bytes = Bytes(message);
        Assert.Equal(ParseError.None, MessageParser.Parse(bytes, out PtpMessage again));
        Assert.Equal(message, again);
    });

    [Fact]
    public void A_message_that_is_cut_anywhere_is_refused() => s_message.ForAll(message =>
    {
        byte[] bytes = Bytes(message);
        for (int length = 0; length < bytes.Length; length++)
        {
            ParseError error = MessageParser.Parse(bytes.AsSpan(0, length), out PtpMessage none);
            Assert.Equal(length < Header.Bytes ? ParseError.ShorterThanHeader : ParseError.LengthBeyondEnd, error);
            Assert.Equal(default, none);
        }
    });

    [Fact]
    public void Random_bytes_never_throw_and_what_passes_stays_within_them() => Gen.Byte.Array[0, 200].ForAll(bytes =>
    {
        ParseError error = MessageParser.Parse(bytes, out PtpMessage message);
        Assert.True(error != ParseError.None || message.Header.MessageBytes <= bytes.Length);
        FrameParser.Parse(bytes, out FrameView view);
        Assert.True(view.Offset + view.Bytes <= bytes.Length);
    });

    [Fact]
    public void Messages_with_random_bytes_in_them_never_throw() => Gen.Select(s_message, Gen.Select(Gen.Int[0, 127], Gen.Byte).Array[0, 8], Gen.Byte.Array[0, 64]).ForAll((message, changes, tail) =>
    {
        byte[] bytes = [.. Bytes(message), .. tail];
        foreach ((int at, byte value) in changes)
            bytes[at % bytes.Length] = value;
        ParseError error = MessageParser.Parse(bytes, out PtpMessage read);
        Assert.True(Enum.IsDefined(error));
        Assert.True(error != ParseError.None || read.Header.MessageBytes <= bytes.Length);
    });

    [Fact]
    public void Frames_with_random_bytes_in_them_never_throw()
    {
        byte[][] frames = [.. s_captures.Select(name => Pcap.Read(Pcap.Golden(name))[0].Frame)];
        Gen.Select(Gen.Int[0, 2], Gen.Int[0, 120], Gen.Select(Gen.Int[0, 127], Gen.Byte).Array[0, 6]).ForAll((which, length, changes) =>
        {
            byte[] frame = frames[which][..Math.Min(length, frames[which].Length)];
            foreach ((int at, byte value) in changes)
            {
                if (at < frame.Length)
                    frame[at] = value;
            }

            FrameKind kind = FrameParser.Parse(frame, out FrameView view);
            Assert.True(kind != FrameKind.Ptp || view.Offset + view.Bytes <= frame.Length);
        });
    }

    [Fact]
    public void Each_kind_of_wrong_bytes_has_its_reason()
    {
        byte[] sync = Bytes(new PtpMessage { Header = new Header { Type = MessageType.Sync } });
        Assert.Equal(ParseError.None, Changed(sync));
        Assert.Equal(ParseError.WrongVersion, Changed(sync, (1, 0x01)));
        Assert.Equal(ParseError.WrongVersion, Changed(sync, (1, 0x13)));
        Assert.Equal(ParseError.None, Changed(sync, (1, 0x12)));
        foreach (byte reserved in (byte[])[4, 5, 6, 7, 14, 15])
            Assert.Equal(ParseError.UnknownType, Changed(sync, (0, reserved)));
        Assert.Equal(ParseError.LengthBelowBody, Changed(sync, (3, 43)));
        Assert.Equal(ParseError.LengthBelowBody, Changed(sync, (0, (byte)MessageType.DelayResp)));
        Assert.Equal(ParseError.LengthBeyondEnd, Changed(sync, (3, 45)));
        Assert.Equal(ParseError.LengthBeyondEnd, Changed(sync, (2, 0xFF)));
        Assert.Equal(ParseError.BadNanoseconds, Changed(sync, (40, 0x3B), (41, 0x9A), (42, 0xCA), (43, 0x00)));
        Assert.Equal(ParseError.None, Changed(sync, (40, 0x3B), (41, 0x9A), (42, 0xC9), (43, 0xFF)));
        Assert.Equal(ParseError.BadSeconds, Changed(sync, (34, 0x01)));
        Assert.Equal(ParseError.BadSeconds, Changed(sync, (35, 0x03)));
    }

    [Theory]
    [InlineData("", ParseError.None, 0)]
    [InlineData("00010000", ParseError.None, 1)]
    [InlineData("00030002AABB80010004AABBCCDD", ParseError.None, 2)]
    [InlineData("0003", ParseError.TlvBeyondEnd, 0)]
    [InlineData("000300", ParseError.TlvBeyondEnd, 0)]
    [InlineData("00030002AA", ParseError.TlvBeyondEnd, 0)]
    [InlineData("0003FFFEAABB", ParseError.TlvBeyondEnd, 0)]
    [InlineData("00030001AA", ParseError.TlvOddLength, 0)]
    [InlineData("00030002AABB00030004AA", ParseError.TlvBeyondEnd, 0)]
    public void Tlvs_are_stepped_over_within_bounds(string hex, ParseError expected, int tlvs)
    {
        byte[] bytes = [.. Bytes(new PtpMessage { Header = new Header { Type = MessageType.Announce } }), .. Convert.FromHexString(hex)];
        bytes[3] = (byte)bytes.Length;
        Assert.Equal(expected, MessageParser.Parse(bytes, out PtpMessage message));
        Assert.Equal(tlvs, message.Tlvs);
    }

    [Fact]
    public void Padding_after_the_message_is_not_looked_at()
    {
        byte[] bytes = [.. Bytes(new PtpMessage { Header = new Header { Type = MessageType.DelayReq, SequenceId = 7 } }), 1, 2, 3];
        Assert.Equal(ParseError.None, MessageParser.Parse(bytes, out PtpMessage message));
        Assert.Equal((44, 0), (message.Header.MessageBytes, message.Tlvs));
    }

    [Fact]
    public void Corrections_are_fractions_of_a_nanosecond_and_saturate()
    {
        // The standard's example (IEEE 1588-2019 clause 5.3.2): 2.5 ns is 0x28000.
        Assert.Equal(0x28000, Correction.FromNanoseconds(2.5).Scaled);
        Assert.Equal(-2.5, new Correction(-0x28000).Nanoseconds);
        Assert.True((new Correction(long.MaxValue) + new Correction(1)).IsSaturated);
        Assert.True((new Correction(long.MinValue) + new Correction(-1)).IsSaturated);
        Assert.True(Correction.FromNanoseconds(1e30).IsSaturated);
        Gen.Select(Gen.Long, Gen.Long).ForAll((a, b) =>
        {
            Int128 sum = (Int128)a + b;
            long expected = sum > long.MaxValue ? long.MaxValue : sum < long.MinValue ? long.MinValue : (long)sum;
            Assert.Equal(expected, (new Correction(a) + new Correction(b)).Scaled);
        });
    }

    [Fact]
    public void Identities_are_read_and_printed_as_ptp4l_does()
    {
        var clock = ClockIdentity.FromMac([0x02, 0, 0, 0, 0, 0x01]);
        Assert.Equal("020000.fffe.000001", clock.ToString());
        Assert.True(ClockIdentity.TryParse("020000.fffe.000001", out ClockIdentity read) && read == clock);
        Assert.True(ClockIdentity.TryParse("02:00:00:FF:FE:00:00:01", out read) && read == clock);
        Assert.False(ClockIdentity.TryParse("020000.fffe.00000", out _) || ClockIdentity.TryParse("020000.fffe.0000011", out _) || ClockIdentity.TryParse("g20000fffe000001", out _));
    }

    private static ParseError Changed(byte[] bytes, params (int At, byte Value)[] changes)
    {
        byte[] copy = [.. bytes];
        foreach ((int at, byte value) in changes)
            copy[at] = value;
        return MessageParser.Parse(copy, out _);
    }

    private static byte[] Bytes(in PtpMessage message)
    {
        byte[] bytes = new byte[MessageWriter.MaxBytes];
        return bytes[..MessageWriter.Write(message, bytes)];
    }
}
