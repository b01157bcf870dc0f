// SPDX-License-Identifier: MIT
// A Java client that closes a connection without having read the answer.
// usage: java CloseUnread.java socket|channel ADDRESS PORT BYTES
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

public class CloseUnread {
	public static void main(String[] args) throws Exception {
		var server = new InetSocketAddress(args[1], Integer.parseInt(args[2]));
		var rest = new byte[Integer.parseInt(args[3])];
		if (args[0].equals("channel")) {
			var channel = SocketChannel.open(server);
			channel.write(ByteBuffer.wrap("hello\n".getBytes()));
			Thread.sleep(250);
			channel.write(ByteBuffer.wrap(rest));
			channel.close();
		} else {
			var socket = new Socket();
			socket.connect(server);
			OutputStream out = socket.getOutputStream();
			out.write("hello\n".getBytes());
			Thread.sleep(250);
			out.write(rest);
			socket.close();
		}
		Thread.sleep(200);
	}
}
