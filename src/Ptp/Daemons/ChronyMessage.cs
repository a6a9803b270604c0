// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace Capbox.Ptp.Daemons;

/// <summary>Leap status of chronyd.</summary>
public enum ChronyLeap
{
    Normal,
    Insert,
    Delete,

    /// <summary>chronyd follows nothing.</summary>
    Unsynchronised,
}

/// <summary>Tracking report of chronyd, as in chronyc tracking.</summary>
public readonly record struct ChronyTracking
{
    /// <summary>127.127.1.1: chronyd serves its own clock (<c>local</c>).</summary>
    private const uint LocalReference = 0x7F7F0101;

    /// <summary>An IPv4 address, a hash of an IPv6 address, or the four letters of a reference clock.</summary>
    public uint ReferenceId { get; init; }

    /// <summary>Address of the server; null for a reference clock, or without one. Allocates.</summary>
    public IPAddress? Server { get; init; }
    public int Stratum { get; init; }
    public ChronyLeap Leap { get; init; }

    /// <summary>Time of the last measurement, UTC, ns; 0: never.</summary>
    public long ReferenceTimeNs { get; init; }

    /// <summary>Remaining slew: the true time, as estimated by chronyd, minus the clock, s.</summary>
    public double CorrectionSeconds { get; init; }
    public double LastOffsetSeconds { get; init; }
    public double RmsOffsetSeconds { get; init; }

    /// <summary>Rate of the unsteered clock, positive: fast, ppm.</summary>
    public double FrequencyPpm { get; init; }

    /// <summary>Error bound of the frequency, ppm.</summary>
    public double SkewPpm { get; init; }
    public double RootDelaySeconds { get; init; }

    /// <summary>Root dispersion at the time of the report.</summary>
    public double RootDispersionSeconds { get; init; }
    public double UpdateIntervalSeconds { get; init; }

    /// <summary>chronyd follows a source other than its own clock.</summary>
    public bool IsFollowing => Leap != ChronyLeap.Unsynchronised && Stratum is > 0 and < 16 && ReferenceId is not (0 or LocalReference);

    /// <summary>Name of the reference: an address, or the letters of a reference clock: PHC0, PPS.</summary>
    public string ReferenceName
    {
        get
        {
            if (Server is { } server)
                return server.ToString();
            Span<char> letters = stackalloc char[4];
            int count = 0;
            for (int shift = 24; shift >= 0; shift -= 8)
            {
                char c = (char)((ReferenceId >> shift) & 0xFF);
                if (c is > ' ' and <= '~')
                    letters[count++] = c;
                else if (c != 0)
                    return ReferenceId.ToString("X8", CultureInfo.InvariantCulture);
            }

            return count > 0 ? new string(letters[..count]) : "none";
        }
    }
}

/// <summary>
/// Requests to chronyd and their answers: its command protocol, version 6 (candm.h of chrony; unchanged since chrony 2.2). No I/O.
/// </summary>
public static class ChronyMessage
{
    /// <summary>A request is padded to the length of its answer, so that it cannot amplify traffic.</summary>
    public const int TrackingRequestBytes = TrackingReplyBytes;
    public const int TrackingReplyBytes = DataAt + 76;
    public const byte Version = 6;

    private const byte RequestPacket = 1, ReplyPacket = 2;
    private const ushort Tracking = 33, TrackingReply = 5, Success = 0;
    private const int DataAt = 28;
    private const uint NoHighSeconds = 0x7FFFFFFF;
    private const int CoefficientBits = 25;

    /// <summary>Larger values are implausible, s: the clock would be a century off.</summary>
    private const double MostSeconds = 4e9;

    public static void WriteTracking(Span<byte> to, uint sequence)
    {
        to = to[..TrackingRequestBytes];
        to.Clear();
        (to[0], to[1]) = (Version, RequestPacket);
        BinaryPrimitives.WriteUInt16BigEndian(to[4..], Tracking);
        BinaryPrimitives.WriteUInt32BigEndian(to[8..], sequence);
    }

    /// <param name="status">Status of a <see cref="ReplyVerdict.Rejected"/> answer: a number of candm.h.</param>
    public static ReplyVerdict ReadTracking(ReadOnlySpan<byte> from, uint sequence, out ChronyTracking tracking, out int status)
    {
        (tracking, status) = (default, 0);
        if (from.Length < DataAt || from[0] != Version || from[1] != ReplyPacket)
            return ReplyVerdict.Malformed;
        if (BinaryPrimitives.ReadUInt16BigEndian(from[4..]) != Tracking || BinaryPrimitives.ReadUInt32BigEndian(from[16..]) != sequence)
            return ReplyVerdict.NotOurs;
        status = BinaryPrimitives.ReadUInt16BigEndian(from[8..]);
        if (status != Success)
            return ReplyVerdict.Rejected;
        if (BinaryPrimitives.ReadUInt16BigEndian(from[6..]) != TrackingReply || from.Length != TrackingReplyBytes)
            return ReplyVerdict.Malformed;
        return TryReadData(from[DataAt..], out tracking) ? ReplyVerdict.Good : ReplyVerdict.Malformed;
    }

    /// <summary>
    /// chrony's floating point format: 7 bits of exponent, 25 of coefficient, both signed; coefficient times 2^(exponent - 25).
    /// </summary>
    internal static double Number(ReadOnlySpan<byte> from)
    {
        int bits = BinaryPrimitives.ReadInt32BigEndian(from);
        return Math.ScaleB((bits << 7) >> 7, (bits >> CoefficientBits) - CoefficientBits);
    }

    private static bool TryReadData(ReadOnlySpan<byte> from, out ChronyTracking tracking)
    {
        int leap = BinaryPrimitives.ReadUInt16BigEndian(from[26..]);
        tracking = default;
        if (leap > (int)ChronyLeap.Unsynchronised || !TryReadAddress(from[4..], out IPAddress? server)
            || !TryReadTime(from[28..], out long timeNs))
        {
            return false;
        }

        tracking = new()
        {
            ReferenceId = BinaryPrimitives.ReadUInt32BigEndian(from),
            Server = server,
            Stratum = BinaryPrimitives.ReadUInt16BigEndian(from[24..]),
            Leap = (ChronyLeap)leap,
            ReferenceTimeNs = timeNs,
            CorrectionSeconds = Number(from[40..]),
            LastOffsetSeconds = Number(from[44..]),
            RmsOffsetSeconds = Number(from[48..]),
            FrequencyPpm = Number(from[52..]),
            SkewPpm = Number(from[60..]),
            RootDelaySeconds = Number(from[64..]),
            RootDispersionSeconds = Number(from[68..]),
            UpdateIntervalSeconds = Number(from[72..]),
        };
        // A root delay may be slightly negative when stamps are poor; a dispersion may not.
        return Math.Abs(tracking.CorrectionSeconds) < MostSeconds && Math.Abs(tracking.RootDelaySeconds) < MostSeconds
            && tracking.RootDispersionSeconds is >= 0 and < MostSeconds && tracking.SkewPpm is >= 0 and < 1e9
            && tracking.UpdateIntervalSeconds is > -MostSeconds and < MostSeconds && Math.Abs(tracking.LastOffsetSeconds) < MostSeconds;
    }

    /// <summary>Sixteen bytes of address, two of family, two of padding.</summary>
    private static bool TryReadAddress(ReadOnlySpan<byte> from, out IPAddress? address)
    {
        int family = BinaryPrimitives.ReadUInt16BigEndian(from[16..]);
        address = family switch { 1 => new IPAddress(from[..4]), 2 => new IPAddress(from[..16]), _ => null };
        return family <= 3;
    }

    private static bool TryReadTime(ReadOnlySpan<byte> from, out long ns)
    {
        uint high = BinaryPrimitives.ReadUInt32BigEndian(from), low = BinaryPrimitives.ReadUInt32BigEndian(from[4..]);
        uint rest = BinaryPrimitives.ReadUInt32BigEndian(from[8..]);
        long seconds = high == NoHighSeconds ? low : ((long)high << 32) | low;
        ns = 0;
        if (rest >= 1_000_000_000 || seconds is < 0 or > 9_000_000_000)
            return false;
        ns = (seconds * 1_000_000_000) + rest;
        return true;
    }
}
