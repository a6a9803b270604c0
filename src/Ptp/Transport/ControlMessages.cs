using System.Buffers.Binary;
using static Capbox.Platform.Linux.SocketNumbers;

namespace Capbox.Ptp.Transport;

/// <summary>What recvmsg(2) said beside the data of a PTP message.</summary>
internal struct ControlMessages
{
    private const int HeadBytes = 16;

    /// <summary>scm_timestamping.ts[0]: CLOCK_REALTIME when the kernel saw the message, ns; 0 if there is none.</summary>
    public long SoftwareNs;

    /// <summary>scm_timestamping.ts[2]: the PHC when the card saw it, ns; 0 if there is none.</summary>
    public long HardwareNs;

    /// <summary>Whether this is a stamp of something that was sent, as it left the host (SCM_TSTAMP_SND).</summary>
    public bool IsSent;

    /// <summary>With <see cref="IsSent"/>: which one (SOF_TIMESTAMPING_OPT_ID).</summary>
    public uint SentId;

    /// <summary>The VLAN that the kernel took out of an Ethernet frame; -1 without a tag.</summary>
    public int VlanId;

    /// <summary>Reads what is known and leaves out the rest; a length that cannot be ends it.</summary>
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
            all.Take(level, type, control[HeadBytes..(int)bytes]);
            control = control[Math.Min(control.Length, ((int)bytes + 7) & ~7)..];
        }

        return all;
    }

    private void Take(int level, int type, ReadOnlySpan<byte> data)
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
