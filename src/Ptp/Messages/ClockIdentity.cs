// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Ptp.Messages;

/// <summary>The eight bytes that name a PTP clock (IEEE 1588-2019 clause 7.5.2.2), ordered as on the wire.</summary>
/// <param name="Value">
/// The bytes, the first one on the wire most significant: the order of values is the order of identities (clause 7.5.2.4).
/// </param>
public readonly record struct ClockIdentity(ulong Value) : IComparable<ClockIdentity>
{
    /// <summary>The identity of an EUI-48: FF-FE inserted in its middle, as in ptp4l. Six bytes.</summary>
    public static ClockIdentity FromMac(ReadOnlySpan<byte> mac)
    {
        ulong high = ((ulong)mac[0] << 16) | ((ulong)mac[1] << 8) | mac[2];
        ulong low = ((ulong)mac[3] << 16) | ((ulong)mac[4] << 8) | mac[5];
        return new((high << 40) | (0xFFFEUL << 24) | low);
    }

    /// <summary>Parses sixteen hexadecimal digits, with dots, colons or dashes anywhere between them: <c>0050c2.fffe.123456</c>.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ClockIdentity identity)
    {
        identity = default;
        Span<char> digits = stackalloc char[16];
        int count = 0;
        foreach (char c in text)
        {
            if (c is '.' or ':' or '-')
                continue;
            if (count == digits.Length)
                return false;
            digits[count++] = c;
        }

        if (count != digits.Length
            || !ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value))
        {
            return false;
        }

        identity = new(value);
        return true;
    }

    /// <summary>The format of ptp4l: <c>0050c2.fffe.123456</c>.</summary>
    public override string ToString() => $"{Value >> 40:x6}.{(Value >> 24) & 0xFFFF:x4}.{Value & 0xFFFFFF:x6}";

    /// <inheritdoc/>
    public int CompareTo(ClockIdentity other) => Value.CompareTo(other.Value);

    public static bool operator <(ClockIdentity left, ClockIdentity right) => left.Value < right.Value;
    public static bool operator >(ClockIdentity left, ClockIdentity right) => left.Value > right.Value;
    public static bool operator <=(ClockIdentity left, ClockIdentity right) => left.Value <= right.Value;
    public static bool operator >=(ClockIdentity left, ClockIdentity right) => left.Value >= right.Value;
}

/// <summary>A clock and one of its ports (IEEE 1588-2019 clause 5.3.5).</summary>
/// <param name="Clock">The clock.</param>
/// <param name="Port">Its port, from 1; 0xFFFF means all ports.</param>
public readonly record struct PortIdentity(ClockIdentity Clock, ushort Port) : IComparable<PortIdentity>
{
    /// <summary>The format of ptp4l: <c>0050c2.fffe.123456-1</c>.</summary>
    public override string ToString() => $"{Clock}-{Port}";

    /// <inheritdoc/>
    public int CompareTo(PortIdentity other) => Clock != other.Clock ? Clock.CompareTo(other.Clock) : Port.CompareTo(other.Port);

    public static bool operator <(PortIdentity left, PortIdentity right) => left.CompareTo(right) < 0;
    public static bool operator >(PortIdentity left, PortIdentity right) => left.CompareTo(right) > 0;
    public static bool operator <=(PortIdentity left, PortIdentity right) => left.CompareTo(right) <= 0;
    public static bool operator >=(PortIdentity left, PortIdentity right) => left.CompareTo(right) >= 0;
}
