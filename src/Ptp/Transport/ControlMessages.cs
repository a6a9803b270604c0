// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Ptp.Transport;

/// <summary>Control messages of recvmsg(2) beside the data of a PTP message.</summary>
internal struct ControlMessages
{
    private const int HeadBytes = 16;

    /// <summary>scm_timestamping.ts[0]: CLOCK_REALTIME when the kernel received the message, ns; 0 without one.</summary>
    public long SoftwareNs;

    /// <summary>scm_timestamping.ts[2]: the PHC when the card received it, ns; 0 without one.</summary>
    public long HardwareNs;

    /// <summary>Whether this is the stamp of a sent message as it left the host (SCM_TSTAMP_SND).</summary>
    public bool IsSent;

    /// <summary>With <see cref="IsSent"/>: the number of the message (SOF_TIMESTAMPING_OPT_ID).</summary>
    public uint SentId;

    /// <summary>The VLAN that the kernel removed from an Ethernet frame; -1 without a tag.</summary>
    public int VlanId;

    /// <summary>Reads the known control messages and skips others; an impossible length ends it.</summary>
    public static ControlMessages Read(ReadOnlySpan<byte> control)
    {
        ControlMessages all = new() { VlanId = -1 };
        while (control.Length >= HeadBytes)
        {
            ulong bytes = BinaryPrimitives.ReadUInt64LittleEndian(control);
            if (bytes < HeadBytes || bytes > (ulong)control.Length)
                break;
            int level = BinaryPrimitives.ReadInt32LittleEndian(control[8..]);
            int type = BinaryPrimitives.ReadInt32LittleEndian(control[12..]);
            all.Add(level, type, control[HeadBytes..(int)bytes]);
            control = control[Math.Min(control.Length, ((int)bytes + 7) & ~7)..];
        }

        return all;
    }

    private void Add(int level, int type, ReadOnlySpan<byte> data)
    {
        switch (level, type)
        {
            case (SOL_SOCKET, SCM_TIMESTAMPING) when data.Length >= 48:
                (SoftwareNs, HardwareNs) = (Nanoseconds(data), Nanoseconds(data[32..]));
                break;
            // struct sock_extended_err, linux/errqueue.h: origin at 4, info at 8, data at 12.
            case (SOL_IP, IP_RECVERR) or (SOL_IPV6, IPV6_RECVERR) or (SOL_PACKET, PACKET_TX_TIMESTAMP) when data.Length >= 16:
                IsSent = data[4] == SO_EE_ORIGIN_TIMESTAMPING && BinaryPrimitives.ReadUInt32LittleEndian(data[8..]) == SCM_TSTAMP_SND;
                SentId = BinaryPrimitives.ReadUInt32LittleEndian(data[12..]);
                break;
            // struct tpacket_auxdata, linux/if_packet.h: status at 0, vlan_tci at 16.
            case (SOL_PACKET, PACKET_AUXDATA) when data.Length >= 20:
                if ((BinaryPrimitives.ReadUInt32LittleEndian(data) & TP_STATUS_VLAN_VALID) != 0)
                    VlanId = BinaryPrimitives.ReadUInt16LittleEndian(data[16..]) & 0xFFF;
                break;
            default:
                break;
        }
    }

    private static long Nanoseconds(ReadOnlySpan<byte> timespec) =>
        (BinaryPrimitives.ReadInt64LittleEndian(timespec) * 1_000_000_000) + BinaryPrimitives.ReadInt64LittleEndian(timespec[8..]);
}
