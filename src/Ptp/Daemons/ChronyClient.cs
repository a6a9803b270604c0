// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace Capbox.Ptp.Daemons;

/// <summary>Queries a chronyd for its tracking report. One thread. The request needs no privilege and changes nothing.</summary>
/// <param name="address">A path, or a loopback address with a port.</param>
public sealed class ChronyClient(string address) : IDisposable
{
    /// <summary>Default socket of Debian's chronyd.</summary>
    public const string DefaultSocket = "/run/chrony/chronyd.sock";

    private readonly byte[] _buffer = new byte[512];
    private DaemonSocket? _socket;
    private QueryCounters _counters;
    private uint _sequence = (uint)Random.Shared.Next();

    public QueryCounters Counters => _counters;

    /// <summary>Why the last query failed; null if it succeeded.</summary>
    public string? Fault { get; private set; }

    /// <param name="mostMs">Longest wait, ms.</param>
    /// <returns>False without an answer; <see cref="Fault"/> has the reason.</returns>
    public bool TryQuery(int mostMs, out ChronyTracking tracking)
    {
        tracking = default;
        _counters.Rounds++;
        try
        {
            // AppArmor allows Debian's chronyd to write to /run/chrony.*.sock.
            _socket ??= new DaemonSocket(address, "chrony.capbox");
        }
        catch (IOException e)
        {
            return Fails($"chronyd: {e.Message}: is it running?");
        }

        Span<byte> request = stackalloc byte[ChronyMessage.TrackingRequestBytes];
        ChronyMessage.WriteTracking(request, ++_sequence);
        if (!_socket.TrySend(request))
        {
            Close();
            _counters.SendFailures++;
            return Fails($"chronyd: {address}: does not accept queries");
        }

        long endMs = Environment.TickCount64 + mostMs;
        while (endMs - Environment.TickCount64 is > 0 and { } leftMs && _socket.TryReceive(_buffer, (int)leftMs, out int bytes))
        {
            if (Process(_buffer.AsSpan(0, bytes), out tracking) is { } good)
                return good;
        }

        _counters.Unanswered++;
        // UDP does not show when another process takes over the port.
        Close();
        return Fails($"chronyd: {address}: no answer");
    }

    public void Dispose() => Close();

    /// <returns>Null: the datagram is no answer, keep waiting.</returns>
    private bool? Process(ReadOnlySpan<byte> bytes, out ChronyTracking tracking)
    {
        switch (ChronyMessage.ReadTracking(bytes, _sequence, out tracking, out int status))
        {
            case ReplyVerdict.Good:
                Fault = null;
                return true;
            case ReplyVerdict.Rejected:
                _counters.Rejected++;
                return Fails(string.Create(CultureInfo.InvariantCulture, $"chronyd: {address}: query rejected (status {status})"));
            case ReplyVerdict.NotOurs:
                _counters.NotOurs++;
                return null;
            default:
                _counters.Malformed++;
                return null;
        }
    }

    private bool Fails(string fault)
    {
        Fault = fault;
        return false;
    }

    private void Close()
    {
        _socket?.Dispose();
        _socket = null;
    }
}
